"""Kafka: one topic as an exact stream. Progress is the lake's commit and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from time import monotonic
from typing import TYPE_CHECKING, Any

from opetence_assets.dataset import DataError, Extract, Extraction, Facts
from opetence_assets.sources.events import read as parsed
from opetence_assets.sources.kafka_offsets import Offsets, Span, position, spans
from opetence_assets.sources.records import BROKEN, Noticed, Shape

if TYPE_CHECKING:
    import polars as pl
    import pyarrow
    from confluent_kafka import Consumer, KafkaError, Message

    from opetence_assets.settings import Settings

PARTITION, OFFSET = "_partition", "_offset"  # the source position of a row
BATCH_ROWS, BATCH_BYTES = 50_000, 16 * 2**20  # what is parsed at once
PATIENCE = 30.0  # seconds without a message or an answer
PULSE = 0.1  # seconds that one call waits for messages, so that patience is looked at


@dataclass(frozen=True)
class Kafka:
    """A cluster: the system's name and the variables that hold its brokers and, where it asks for them, credentials.

    ``options`` are librdkafka's own, for what no variable decides (``{"security.protocol": "SASL_SSL"}``).
    """

    system: str
    brokers: str
    user: str | None = None
    password: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    patience: float = PATIENCE

    def topic(
        self,
        name: str,
        fields: Mapping[str, str] | tuple[str, ...],
        *,
        ignored: tuple[str, ...] = (),
        at_most: int = 5_000_000,
    ) -> KafkaTopic:
        """A topic of JSON objects; ``fields`` as in ``records.Shape``, or the names where columns are called alike."""
        named = fields if isinstance(fields, Mapping) else dict(zip(fields, fields, strict=True))
        return KafkaTopic(self, name, Shape(named, ignored), at_most)


@dataclass(frozen=True)
class KafkaTopic:
    """A topic read from the offsets of the newest commit to the high watermarks, ``at_most`` so many messages a load.

    Its cursor is the next offset by partition, ``{"0": 1234, "1": 77}``. What is over ``at_most`` stays for the next.
    """

    source: Kafka
    name: str
    shape: Shape
    at_most: int
    kind: str = "kafka"
    since: date | None = None

    @property
    def system(self) -> str:
        return self.source.system

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.shape.fields)

    def extract(self, request: Extract, settings: Settings) -> Extraction:
        """Opens the read. A window brings nothing: of an exact stream bronze holds every message up to its cursor.

        Raises:
            DataError: no broker answers, there is no such topic, or retention has eaten what was not read.
        """
        if request.window is not None:
            return _nothing(self.shape)
        consumer, heard = _consumer(self, settings, request.dataset.name)
        try:
            offsets = Offsets(
                consumer, self.name, request.dataset.name, self.source.brokers, self.source.patience, heard
            )
            reading = _Read(self, request, consumer, heard, spans(offsets, request))
        except BaseException:
            consumer.close()
            raise
        return Extraction(
            batches=_batches(reading), facts=reading.facts, close=consumer.close, rereads=_rereads(reading.spans)
        )

    def fingerprint(self, dataset: Any, settings: Settings) -> str:
        """Changes with any partition's high watermark: one question a partition, no message read."""
        consumer, heard = _consumer(self, settings, dataset.name)
        try:
            offsets = Offsets(consumer, self.name, dataset.name, self.source.brokers, self.source.patience, heard)
            ends = sorted((partition, end) for partition, (_, end) in offsets.watermarks().items())
        finally:
            consumer.close()
        return hashlib.sha256(repr(ends).encode()).hexdigest()


@dataclass
class _Read:
    """A read under way: grows while its batches are consumed."""

    feed: KafkaTopic
    request: Extract
    consumer: Consumer
    heard: list[str]
    spans: dict[int, Span]
    rows: int = 0
    noticed: Noticed = field(default_factory=Noticed)
    next: dict[int, int] = field(default_factory=dict[int, int])
    ended: set[int] = field(default_factory=set[int])
    moved_at: float = field(default_factory=monotonic)

    def __post_init__(self) -> None:
        self.next = {partition: span.start for partition, span in self.spans.items()}

    def remaining(self) -> int:
        """Messages still to be read, as far as offsets tell."""
        left = sum(
            max(0, span.end - self.next[partition])
            for partition, span in self.spans.items()
            if partition not in self.ended
        )
        return min(left, self.feed.at_most - self.rows)

    def facts(self) -> Facts:
        return Facts(
            self.rows,
            None,
            position(self.next, self.spans),
            undeclared=tuple(sorted(self.noticed.undeclared)),
            more=self.rows >= self.feed.at_most,
        )


def _consumer(feed: KafkaTopic, settings: Settings, dataset: str) -> tuple[Consumer, list[str]]:
    """A consumer, and the names of the errors it hears of; their texts may quote addresses and accounts."""
    from confluent_kafka import Consumer

    heard: list[str] = []

    def hear(error: KafkaError) -> None:
        heard.append(error.name())

    source = feed.source
    secrets = {"sasl.username": source.user, "sasl.password": source.password}
    return Consumer(
        {
            **source.options,
            **{option: settings.secret(name, dataset=dataset) for option, name in secrets.items() if name},
            "bootstrap.servers": settings.secret(source.brokers, dataset=dataset),
            "group.id": f"opetence-{feed.system}-{feed.name}",  # asked for by the library; no group is ever joined
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,  # a tail of aborted or control records would otherwise never end
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",  # an offset that is gone is an error, never a jump
            "queued.max.messages.kbytes": 64 * 1024,
            "log_level": 0,  # its log goes to stderr with addresses in it; errors are heard by the callback
            "error_cb": hear,
        }
    ), heard


def _nothing(shape: Shape) -> Extraction:
    import polars as pl

    return Extraction(
        (_placed([], shape, Noticed()),), lambda: Facts(0, None, None), lambda: None, rereads=pl.lit(False)
    )


def _batches(reading: _Read) -> Iterator[pyarrow.Table]:
    """Tables of messages in the order of their partitions; the first is empty and shows the schema."""
    yield _placed([], reading.feed.shape, reading.noticed)
    _assign(reading)
    waiting: list[pyarrow.Table] = []
    size, rows, number = 0, 0, 100
    while reading.remaining() > 0:
        messages = _consumed(reading, min(number, reading.remaining()))
        if not messages:
            continue
        waiting.append(_placed(messages, reading.feed.shape, reading.noticed))
        size, rows = size + sum(map(len, messages)), rows + len(messages)
        number = max(1, min(10_000, BATCH_BYTES * rows // max(1, size)))  # one call never brings more than a batch
        if rows >= BATCH_ROWS or size >= BATCH_BYTES:
            yield from _readable_first(waiting)
            waiting, size, rows = [], 0, 0
    yield from _readable_first(waiting)


def _assign(reading: _Read) -> None:
    """Takes every partition at its offset, by assignment rather than by subscription.

    A group would move partitions between consumers and keep offsets at the broker: a second memory of progress that
    cannot commit together with the rows. Here whoever commits to the lake first has read the messages.
    """
    from confluent_kafka import TopicPartition

    topic = reading.feed.name
    reading.consumer.assign(
        [
            TopicPartition(topic, partition, span.start)
            for partition, span in reading.spans.items()
            if span.start < span.end
        ]
    )


def _consumed(reading: _Read, number: int) -> list[Message]:
    """The next messages, at most ``number``; ends of partitions are noted.

    Raises:
        DataError: the broker refuses, or says nothing for longer than patience allows.
    """
    answers = reading.consumer.consume(number, PULSE)
    messages = [answer for answer in answers if answer.error() is None]
    newest = {message.partition(): message.offset() for message in messages}  # a partition's come in their order
    reading.next.update((partition or 0, (offset or 0) + 1) for partition, offset in newest.items())
    reading.rows += len(messages)
    for answer in answers:
        if (error := answer.error()) is not None:
            _ended_or_refused(reading, answer, error)
    if answers:
        reading.moved_at = monotonic()
    elif monotonic() - reading.moved_at > reading.feed.source.patience:
        raise _stopped(reading, "no message and no end")
    return messages


def _ended_or_refused(reading: _Read, answer: Message, error: KafkaError) -> None:
    from confluent_kafka import KafkaError

    if error.code() == KafkaError._PARTITION_EOF:  # pyright: ignore[reportPrivateUsage]  the library's public name
        partition = answer.partition() or 0
        reading.ended.add(partition)
        reading.next[partition] = max(reading.next[partition], answer.offset() or 0)
    elif not error.retriable() or error.fatal():
        raise _stopped(reading, error.name())


def _stopped(reading: _Read, reason: str) -> DataError:
    heard = sorted({reason, *reading.heard})
    at = ", ".join(f"{p}: {n:,}" for p, n in sorted(reading.next.items()) if n < reading.spans[p].end)
    return DataError(
        reading.request.dataset.name,
        found=f"topic {reading.feed.name} stopped after {reading.rows:,} messages ({', '.join(heard)}; at {at})",
        allowed="a read that reaches its end; nothing of this one was kept",
        next_command=f"opetence run --select {reading.request.dataset.name}",
    )


def _readable_first(tables: list[pyarrow.Table]) -> Iterator[pyarrow.Table]:
    """One table of rows, and apart from it those that cannot be read: a batch with anything to seal is sealed whole."""
    import pyarrow as pa

    if not tables:
        return
    table = pa.concat_tables(tables)
    readable = table[BROKEN].null_count
    if readable:
        yield table.filter(table[BROKEN].is_null()) if readable < len(table) else table
    if readable < len(table):
        yield table.filter(table[BROKEN].is_valid())


def _placed(messages: list[Message], shape: Shape, noticed: Noticed) -> pyarrow.Table:
    """Messages as rows, each with its partition and offset."""
    import pyarrow as pa

    partitions = pa.array([message.partition() for message in messages], pa.int32())
    offsets = pa.array([message.offset() for message in messages], pa.int64())
    table = parsed([message.value() for message in messages], shape, noticed)
    return table.append_column(PARTITION, partitions).append_column(OFFSET, offsets)


def _rereads(found: Mapping[int, Span]) -> pl.Expr:
    """The rows of bronze that a read of everything may bring again; none otherwise."""
    import polars as pl

    parts = [
        (pl.col(PARTITION) == partition) & pl.col(OFFSET).is_between(span.start, span.again, closed="left")
        for partition, span in found.items()
        if span.start < span.again
    ]
    return pl.any_horizontal(parts) if parts else pl.lit(False)
