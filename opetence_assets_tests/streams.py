"""Brokers of the tests' own: confluent-kafka's mock cluster, which speaks Kafka's wire protocol on loopback.

librdkafka builds brokers in for its own tests; Python's package shows only a configuration property of them, so their
C functions are called directly: topics of any number of partitions, retention, brokers that go away or refuse.
"""

from __future__ import annotations

import ctypes
import multiprocessing
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import confluent_kafka
import orjson

RETAINED = 5 * 2**20  # bytes the mock keeps of a partition, as they were sent (compressed)


@dataclass(frozen=True)
class Cluster:
    """A running cluster.

    Attributes:
        brokers: what a client takes as ``bootstrap.servers``.
        handle: librdkafka's own pointer to it; None in another process.
    """

    brokers: str
    handle: int | None = None

    def topic(self, name: str, partitions: int) -> None:
        assert _c().rd_kafka_mock_topic_create(self.handle, name.encode(), partitions, 1) == 0

    def drop(self, name: str) -> None:
        assert _c().rd_kafka_mock_topic_delete(self.handle, name.encode()) == 0

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        """What retention does: everything before an offset is gone."""
        assert _c().rd_kafka_mock_partition_delete_records(self.handle, topic.encode(), partition, before) == 0

    def down(self, broker: int = 1) -> None:
        assert _c().rd_kafka_mock_broker_set_down(self.handle, broker) == 0

    def up(self, broker: int = 1) -> None:
        assert _c().rd_kafka_mock_broker_set_up(self.handle, broker) == 0

    def refuse(self, request: int, error: int, times: int) -> None:
        """The next requests of a kind (1: Fetch, 3: Metadata) are answered with an error."""
        errors = (ctypes.c_int * times)(*([error] * times))
        _c().rd_kafka_mock_push_request_errors_array(self.handle, request, times, errors)

    def forgive(self, request: int) -> None:
        """No request of a kind is refused any more."""
        _c().rd_kafka_mock_clear_request_errors(self.handle, request)

    def send(self, topic: str, messages: Iterable[tuple[int, bytes | None]], **options: Any) -> None:
        """Messages by partition, durable when this returns; ``options`` are the producer's."""
        settings: dict[str, Any] = {
            "bootstrap.servers": self.brokers,
            "compression.type": "zstd",
            "linger.ms": 20,
            "batch.size": 2**20,
            "queue.buffering.max.messages": 2_000_000,
            **options,
        }
        producer = confluent_kafka.Producer(settings)
        for number, (partition, value) in enumerate(messages):
            producer.produce(topic, value, partition=partition)
            if number % 10_000 == 0:
                producer.poll(0)
        assert producer.flush(60) == 0

    def send_events(self, topic: str, events: Iterable[Mapping[str, Any]], partitions: int) -> None:
        """Events as JSON, in turn over the partitions."""
        self.send(topic, ((number % partitions, orjson.dumps(event)) for number, event in enumerate(events)))


@contextmanager
def cluster(brokers: int = 1) -> Iterator[Cluster]:
    """A cluster on threads of this process; gone with the block."""
    lib, told = _c(), ctypes.create_string_buffer(512)
    configuration = lib.rd_kafka_conf_new()
    lib.rd_kafka_conf_set(configuration, b"log_level", b"0", told, len(told))
    owner = lib.rd_kafka_new(0, configuration, told, len(told))  # 0: a producer, for want of anything smaller
    assert owner, told.value
    handle = lib.rd_kafka_mock_cluster_new(owner, brokers)
    try:
        yield Cluster(lib.rd_kafka_mock_cluster_bootstraps(handle).decode(), handle)
    finally:
        lib.rd_kafka_mock_cluster_destroy(handle)
        lib.rd_kafka_destroy(owner)


@contextmanager
def cluster_apart(topics: Mapping[str, int]) -> Iterator[Cluster]:
    """The same in a process of its own, where its CPU is not taken for its client's."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, dict(topics)), daemon=True)
    process.start()
    try:
        yield Cluster(ours.recv())
    finally:
        ours.send(None)
        process.join()


def _serve(told: Any, topics: dict[str, int]) -> None:
    with cluster() as running:
        for name, partitions in topics.items():
            running.topic(name, partitions)
        told.send(running.brokers)
        told.recv()


@cache
def _c() -> ctypes.CDLL:
    """The very librdkafka that confluent_kafka has loaded."""
    folder = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    lib = ctypes.CDLL(str(next(folder.glob("librdkafka*.so*"))))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    shapes: dict[str, tuple[Any, list[Any]]] = {
        "rd_kafka_conf_new": (pointer, []),
        "rd_kafka_conf_set": (number, [pointer, text, text, text, ctypes.c_size_t]),
        "rd_kafka_new": (pointer, [number, pointer, text, ctypes.c_size_t]),
        "rd_kafka_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_new": (pointer, [pointer, number]),
        "rd_kafka_mock_cluster_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_bootstraps": (text, [pointer]),
        "rd_kafka_mock_topic_create": (number, [pointer, text, number, number]),
        "rd_kafka_mock_topic_delete": (number, [pointer, text]),
        "rd_kafka_mock_partition_delete_records": (number, [pointer, text, number, ctypes.c_int64]),
        "rd_kafka_mock_broker_set_down": (number, [pointer, number]),
        "rd_kafka_mock_broker_set_up": (number, [pointer, number]),
        "rd_kafka_mock_clear_request_errors": (None, [pointer, ctypes.c_int16]),
        "rd_kafka_mock_push_request_errors_array": (None, [pointer, ctypes.c_int16, ctypes.c_size_t, pointer]),
    }
    for name, (result, arguments) in shapes.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib
