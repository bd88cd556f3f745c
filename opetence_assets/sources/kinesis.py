"""Kinesis: one stream, exactly. Progress is the lake's commit: the newest sequence number read, by shard."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from opetence_assets.dataset import Extract, Extraction, Facts
from opetence_assets.sources.events import read as parsed
from opetence_assets.sources.kinesis_shards import Shard, Stream, client_of
from opetence_assets.sources.records import BROKEN, Noticed, Shape

if TYPE_CHECKING:
    import pyarrow

    from opetence_assets.settings import Settings

SHARD, SEQUENCE = "_shard", "_sequence"  # the source position of a row
BATCH_ROWS = 50_000


@dataclass(frozen=True)
class Kinesis:
    """An account's streams: the variables that hold the region and, unless the machine's role is used, credentials."""

    system: str
    region: str
    endpoint: str | None = None
    key: str | None = None
    secret: str | None = None

    def stream(
        self,
        name: str,
        fields: Mapping[str, str] | tuple[str, ...],
        *,
        ignored: tuple[str, ...] = (),
        at_most: int = 5_000_000,
    ) -> KinesisStream:
        """A stream of JSON objects; ``fields`` as in ``records.Shape``, or the names where columns are called alike."""
        named = fields if isinstance(fields, Mapping) else dict(zip(fields, fields, strict=True))
        return KinesisStream(self, name, Shape(named, ignored), at_most)


@dataclass(frozen=True)
class KinesisStream:
    """A stream read shard by shard, parents before the shards they were split or merged into.

    Its cursor is the newest sequence number read of each shard. After the first read a load takes ``at_most`` so many
    records; the rest stays for the next.
    """

    source: Kinesis
    name: str
    shape: Shape
    at_most: int
    kind: str = "kinesis"
    since: date | None = None

    @property
    def system(self) -> str:
        return self.source.system

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.shape.fields)

    def extract(self, request: Extract, settings: Settings) -> Extraction:
        """Opens the read. A window brings nothing: of an exact stream bronze holds every record up to its cursor.

        Raises:
            DataError: no answer, wrong credentials, no such stream, or retention has removed what was read last.
        """
        import polars as pl

        if request.window is not None:
            nothing = _placed([], "", self.shape, Noticed())
            return Extraction((nothing,), lambda: Facts(0, None, None), lambda: None, rereads=pl.lit(False))
        client = client_of(self.source, settings, request.dataset.name)
        after = {str(k): str(v) for k, v in request.after.items()} if isinstance(request.after, Mapping) else None
        reading = _Read(self, Stream(client, self.name, request.dataset.name), dict(after or {}), after is not None)
        return Extraction(
            batches=_batches(reading),
            facts=reading.facts,
            close=client.close,
            rereads=pl.lit(False) if reading.bounded else None,
        )

    def fingerprint(self, dataset: Any, settings: Settings) -> str:
        """Changes with the newest record of any shard; looks back as far as needed."""
        client = client_of(self.source, settings, dataset.name)
        try:
            stream = Stream(client, self.name, dataset.name)
            newest = [(shard.name, stream.newest(shard)) for shard in stream.shards()]
        finally:
            client.close()
        return hashlib.sha256(repr(newest).encode()).hexdigest()


@dataclass
class _Read:
    """A read under way: grows while its batches are consumed."""

    feed: KinesisStream
    stream: Stream
    newest: dict[str, str]  # shard → sequence number
    bounded: bool
    rows: int = 0
    noticed: Noticed = field(default_factory=Noticed)
    unfinished: set[str] = field(default_factory=set[str])

    def facts(self) -> Facts:
        undeclared = tuple(sorted(self.noticed.undeclared))
        return Facts(self.rows, None, dict(self.newest), undeclared=undeclared, more=self.full())

    def full(self) -> bool:
        return self.bounded and self.rows >= self.feed.at_most


def _batches(reading: _Read) -> Iterator[pyarrow.Table]:
    yield _placed([], "", reading.feed.shape, reading.noticed)
    waiting: list[pyarrow.Table] = []
    shards = reading.stream.shards()
    known = {shard.name for shard in shards}
    # A shard that retention has removed is not listed any more; neither are its children's reasons to wait for it.
    reading.newest = {name: number for name, number in reading.newest.items() if name in known}
    for shard in shards:
        if reading.unfinished.intersection(shard.parents):
            reading.unfinished.add(shard.name)
            continue
        for records in _records(reading, shard):
            waiting.append(_placed(records, shard.name, reading.feed.shape, reading.noticed))
            if sum(map(len, waiting)) >= BATCH_ROWS:
                yield from _readable_first(waiting)
                waiting = []
    yield from _readable_first(waiting)


def _records(reading: _Read, shard: Shard) -> Iterator[list[Mapping[str, Any]]]:
    for records in reading.stream.read(shard, reading.newest.get(shard.name)):
        if reading.full():
            reading.unfinished.add(shard.name)
            return
        taken = records[: reading.feed.at_most - reading.rows] if reading.bounded else records
        if not taken:
            continue
        reading.rows += len(taken)
        reading.newest[shard.name] = taken[-1]["SequenceNumber"]
        yield taken
        if len(taken) < len(records):
            reading.unfinished.add(shard.name)
            return


def _readable_first(tables: list[pyarrow.Table]) -> Iterator[pyarrow.Table]:
    """One table of rows, and apart from it those that cannot be read: a batch with anything to seal is sealed whole."""
    import pyarrow as pa

    if not tables:
        return
    table = pa.concat_tables(tables)
    readable = table[BROKEN].null_count
    if readable:
        yield table.filter(table[BROKEN].is_null())
    if readable < len(table):
        yield table.filter(table[BROKEN].is_valid())


def _placed(records: Sequence[Mapping[str, Any]], shard: str, shape: Shape, noticed: Noticed) -> pyarrow.Table:
    """Records as rows, each with its shard and sequence number."""
    import pyarrow as pa

    table = parsed([record["Data"] for record in records], shape, noticed)
    shards = pa.array([shard] * len(records), pa.large_string())
    numbers = pa.array([record["SequenceNumber"] for record in records], pa.large_string())
    return table.append_column(SHARD, shards).append_column(SEQUENCE, numbers)
