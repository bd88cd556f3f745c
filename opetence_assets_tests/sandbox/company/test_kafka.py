"""The Kafka cluster through Confluent's own client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from sandbox.company.kafka import KafkaCluster

MANY = [("things", n % 3, f"k{n}", f'{{"n": {n}}}'.encode(), 1_700_000_000_000 + n) for n in range(30_000)]


@pytest.fixture
def cluster() -> Iterator[KafkaCluster]:
    with KafkaCluster({"things": 3, "others": 8}) as cluster:
        yield cluster


@pytest.fixture
def consumer(cluster: KafkaCluster) -> Iterator[Consumer]:
    settings = {"bootstrap.servers": cluster.bootstrap, "group.id": "test", "log_level": 0}
    consumer = Consumer({**settings, "enable.partition.eof": True, "auto.offset.reset": "error"})
    yield consumer
    consumer.close()


def test_topics_have_their_partitions(consumer: Consumer) -> None:
    topics = consumer.list_topics(timeout=10).topics
    assert {name: len(topic.partitions) for name, topic in topics.items()} == {"things": 3, "others": 8}


def test_messages_keep_their_order_and_their_offsets(cluster: KafkaCluster, consumer: Consumer) -> None:
    cluster.produce(MANY[:20_000])
    cluster.produce(MANY[20_000:])
    consumer.assign([TopicPartition("things", 1, 0)])
    found: list[tuple[object, ...]] = []
    while (message := consumer.poll(10)) is not None and message.error() is None:
        found.append((message.offset(), message.key(), message.value(), message.timestamp()[1]))
    assert found == [
        (offset, key.encode(), value, at) for offset, (_, _, key, value, at) in enumerate(MANY[1::3]) if key is not None
    ]


def test_a_cluster_that_is_down_does_not_answer(cluster: KafkaCluster, consumer: Consumer) -> None:
    cluster.go_down()
    with pytest.raises(KafkaException):
        consumer.list_topics(timeout=0.5)
    cluster.come_up()
    assert consumer.list_topics(timeout=10).topics
