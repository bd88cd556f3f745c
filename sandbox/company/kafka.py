"""A Kafka cluster in this process: librdkafka's own mock brokers, with topics of as many partitions as declared.

`confluent_kafka` can start such a cluster but not choose the number of partitions, so the C functions behind it
(``rdkafka_mock.h``) are called in the library that it has loaded. A partition keeps 5 MB, then forgets its oldest.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

PRODUCER = 0  # rd_kafka_type_t
Message = tuple[str, int, str | None, bytes, int]
"""Topic, partition, key, value and its moment (ms since 1970)."""


class KafkaCluster:
    """One broker with these topics (name → partitions), on the loopback interface, until it is closed."""

    def __init__(self, topics: Mapping[str, int]) -> None:
        library = _library()
        reason = ctypes.create_string_buffer(512)
        quiet = library.rd_kafka_conf_new()
        library.rd_kafka_conf_set(quiet, b"log_level", b"3", reason, len(reason))
        self._owner = library.rd_kafka_new(PRODUCER, quiet, reason, len(reason))
        if not self._owner:
            raise OSError(f"librdkafka cannot be started: {reason.value.decode()}")
        self._cluster = library.rd_kafka_mock_cluster_new(self._owner, 1)
        self.bootstrap: str = library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        for name, partitions in topics.items():
            library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1)

    def produce(self, messages: Iterable[Message]) -> None:
        """Append messages in their order; returns when all are held.

        Raises:
            OSError: one was not taken.
        """
        from confluent_kafka import KafkaError, Producer

        refused: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: object) -> None:
            if error is not None:
                refused.append(error)

        settings: dict[str, Any] = {"bootstrap.servers": self.bootstrap, "batch.num.messages": 10_000, "log_level": 3}
        settings["queue.buffering.max.messages"] = 0  # as many as there are
        # One request at a time and none sent again, so that the order is kept without waiting for a producer's number.
        producer = Producer({**settings, "max.in.flight": 1, "retries": 0, "on_delivery": delivered})
        for topic, partition, key, value, at in messages:
            producer.produce(topic, value, key, partition, timestamp=at)
            producer.poll(0)
        left = producer.flush(60)
        if left or refused:
            raise OSError(f"{left + len(refused)} messages were not taken: {refused[:1]}")

    def go_down(self) -> None:
        """Drop every connection and take no new one."""
        _library().rd_kafka_mock_broker_set_down(self._cluster, 1)

    def come_up(self) -> None:
        _library().rd_kafka_mock_broker_set_up(self._cluster, 1)

    def close(self) -> None:
        _library().rd_kafka_mock_cluster_destroy(self._cluster)
        _library().rd_kafka_destroy(self._owner)

    def __enter__(self) -> KafkaCluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@cache
def _library() -> ctypes.CDLL:
    """The librdkafka that `confluent_kafka` has loaded, with the signatures of what is used of it."""
    import confluent_kafka

    package = Path(confluent_kafka.__file__).parent
    bundled = [
        file
        for folder in (package.with_name("confluent_kafka.libs"), package / ".dylibs")
        for file in sorted(folder.glob("librdkafka*"))
    ]
    library = ctypes.CDLL(str(bundled[0]) if bundled else "librdkafka.so.1")
    handle, text, whole = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for name, result, arguments in (
        ("rd_kafka_conf_new", handle, []),
        ("rd_kafka_conf_set", whole, [handle, text, text, text, ctypes.c_size_t]),
        ("rd_kafka_new", handle, [whole, handle, text, ctypes.c_size_t]),
        ("rd_kafka_destroy", None, [handle]),
        ("rd_kafka_mock_cluster_new", handle, [handle, whole]),
        ("rd_kafka_mock_cluster_destroy", None, [handle]),
        ("rd_kafka_mock_cluster_bootstraps", text, [handle]),
        ("rd_kafka_mock_topic_create", whole, [handle, text, whole, whole]),
        ("rd_kafka_mock_broker_set_down", whole, [handle, ctypes.c_int32]),
        ("rd_kafka_mock_broker_set_up", whole, [handle, ctypes.c_int32]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
