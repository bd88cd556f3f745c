"""A load: source → protected batches → staged Parquet → ONE commit of rows, cursor and idempotency key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import polars as pl

from opetence_assets.dataset import Cursor, DataError, Dataset, Deletes, Extract, Extraction, Facts, Window
from opetence_assets.ingestion.drift import drift_noted, marked, note_undeclared, refuse_frozen
from opetence_assets.ingestion.held import Held, held_rows, refuse_retyped, unrepeated, vanished
from opetence_assets.ingestion.staging import normalized
from opetence_assets.lake.commits import commit, stage
from opetence_assets.lake.places import Lake
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.space import room_for
from opetence_assets.lake.tables import Table, open_table, transactions_of
from opetence_assets.privacy.keys import KeyStore, key_store
from opetence_assets.privacy.treatment import protect

if TYPE_CHECKING:
    import pyarrow

    from opetence_assets.settings import Settings

LOAD_ID, LOADED_AT, DELETED = "_load_id", "_loaded_at", "_deleted"


@dataclass(frozen=True)
class Request:
    """What to load: what is new (the default), one window again, or everything again."""

    window: Window | None = None
    full: bool = False
    on_rows: Callable[[int], None] = field(default=lambda _: None)  # told of rows read, for progress bars


@dataclass(frozen=True)
class Load:
    """What a load did."""

    key: str
    version: int
    rows: int  # appended
    source_rows: int  # read
    total_keys: int | None  # distinct, in the source, in the same snapshot
    deleted: int
    undeclared: tuple[str, ...]
    refused: tuple[str, ...]


def load(dataset: Dataset, lake: Lake, settings: Settings, request: Request | None = None) -> Load:
    """Brings bronze up to its source. Safe to kill at any instruction and to run again.

    Raises:
        DataError: the source is down, has changed its schema, or holds nothing where it held rows.
        CommitConflict: another load of this dataset committed first; its rows are there, run again.
    """
    request = request or Request()
    key = dataset.table("bronze")
    table = open_table(lake, key)
    before = last_progress(lake, key, table.version) if table else {}
    fingerprint = dataset.feed.fingerprint(dataset, settings)
    after = None if request.full or request.window else cursor_of(before)
    extract = Extract(dataset, after, request.window, taken_by(lake, key))
    with drift_noted(dataset, lake):
        extraction = dataset.feed.extract(extract, settings)
    try:
        held = held_rows(dataset, table, extraction)
        with (
            drift_noted(dataset, lake),
            room_for(dataset.name, settings.home),
            key_store(settings.keys, settings.master_key) as store,
        ):
            stream = _Stream(dataset, extraction, held, store, settings, request, fingerprint)
            arriving = _landing(stream, table)
            first = next(arriving, None)
            if first is None:  # nothing new: dlt need not be woken
                return _committed(stream, lake, table, before, [])
            with normalized(dataset.feed.name, chain((first,), arriving), settings.scratch) as files:
                return _committed(stream, lake, table, before, files)
    finally:
        extraction.close()


@dataclass
class _Stream:
    """A load under way: grows while its batches pass through dlt."""

    dataset: Dataset
    extraction: Extraction
    held: Held
    store: KeyStore
    settings: Settings
    request: Request
    fingerprint: str  # read before the snapshot: what it counts, the snapshot shows
    load_id: str = field(default_factory=lambda: uuid4().hex)
    loaded_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    arrived: list[pl.DataFrame] = field(default_factory=list[pl.DataFrame])  # keys, where deletions are reconciled
    rows: int = 0
    deleted: int = 0
    schema: Any = None  # pyarrow.Schema once a batch was seen
    stamps: Any = ()  # pyarrow.Table of load id and time, as long as the longest batch


def _landing(stream: _Stream, table: Table | None) -> Iterator[pyarrow.Table]:
    read = 0
    for batch in stream.extraction.batches:
        read += len(batch)
        yield from _plain(stream, batch) if _lands_as_received(stream, batch) else _treated(stream, table, batch)
        stream.request.on_rows(read)
    facts = stream.extraction.facts()
    _refuse_emptiness(stream.dataset, table, facts, stream.request)
    refuse_frozen(stream.dataset, _undeclared(stream))
    gone = _gone(stream, table, facts)
    stream.deleted += len(gone)
    if len(gone):
        yield from _stamped(stream, gone, deleted=True)


def _gone(stream: _Stream, table: Table | None, facts: Facts) -> pl.DataFrame:
    """Keys that bronze holds and the source does not, where the declaration says that can be."""
    dataset, keys = stream.dataset, stream.extraction.keys
    if dataset.deletes is Deletes.RESTATED:
        return unrepeated(dataset, stream.held, stream.arrived)
    if dataset.deletes is Deletes.HARD and keys and not stream.request.window:
        return vanished(dataset, table, pl.concat(stream.arrived), keys, facts)
    return pl.DataFrame()


def _treated(stream: _Stream, table: Table | None, batch: pyarrow.Table) -> Iterator[pyarrow.Table]:
    dataset, frame = stream.dataset, pl.DataFrame(batch)
    protected = protect(marked(dataset, frame), dataset, stream.store, stream.settings.hash_keys)
    if stream.schema is None:
        refuse_retyped(dataset, table, protected)
    fresh = stream.held.without(protected)
    if dataset.deletes in (Deletes.HARD, Deletes.RESTATED):
        stream.arrived.append((fresh if dataset.deletes is Deletes.HARD else protected).select(dataset.key))
    if dataset.deletes is Deletes.TOLD:
        stream.deleted += int(fresh[DELETED].sum())
    yield from _stamped(stream, fresh)


def _undeclared(stream: _Stream) -> tuple[str, ...]:
    return (*stream.extraction.undeclared, *stream.extraction.facts().undeclared)


def _lands_as_received(stream: _Stream, batch: pyarrow.Table) -> bool:
    """Whether rows need no Polars on their way (85 MB less at the peak): nothing personal, held or deletable."""
    if not len(batch) or stream.schema is None or len(stream.held) or stream.dataset.deletes is not Deletes.NEVER:
        return False
    template = pl.DataFrame(batch.schema.empty_table())
    return protect(template, stream.dataset, stream.store, stream.settings.hash_keys) is template


def _plain(stream: _Stream, batch: pyarrow.Table) -> Iterator[pyarrow.Table]:
    """A batch stamped without copying its values, in the very types that ``_stamped`` gives."""
    import pyarrow as pa

    wide = {pa.string(): pa.large_string(), pa.binary(): pa.large_binary()}
    schema = pa.schema([field.with_type(wide.get(field.type, field.type)) for field in batch.schema])
    if len(stream.stamps) < len(batch):  # made once: every batch shows a part of the same two columns
        stamps = {
            LOAD_ID: (stream.load_id, pa.large_string()),
            LOADED_AT: (stream.loaded_at, pa.timestamp("us", "UTC")),
        }
        made = {name: pa.repeat(pa.scalar(*value), len(batch)) for name, value in stamps.items()}
        stream.stamps = pa.table(made)
    stamped = batch.cast(schema)
    for name, values in zip(stream.stamps.column_names, stream.stamps.columns, strict=True):
        stamped = stamped.append_column(name, values.slice(0, len(batch)))
    stream.rows += len(stamped)
    yield stamped


def _stamped(stream: _Stream, frame: pl.DataFrame, *, deleted: bool = False) -> Iterator[pyarrow.Table]:
    """A batch with the load it came in; the empty first one only shows the schema."""
    if stream.schema is not None and deleted:
        template = pl.DataFrame(stream.schema.empty_table())
        frame = pl.concat(
            [template.select(c for c in template.columns if not c.startswith("_l")), frame], how="diagonal"
        )
    stamped = frame.with_columns(
        pl.lit(stream.load_id).alias(LOAD_ID), pl.lit(stream.loaded_at, pl.Datetime("us", "UTC")).alias(LOADED_AT)
    )
    if stream.dataset.deletes in (Deletes.HARD, Deletes.RESTATED):
        stamped = stamped.with_columns(pl.lit(deleted).alias(DELETED))
    arrow = stamped.to_arrow(compat_level=pl.CompatLevel.oldest())
    stream.schema = stream.schema or arrow.schema
    stream.rows += len(stamped)
    if len(stamped):
        yield arrow


def _committed(stream: _Stream, lake: Lake, table: Table | None, before: dict[str, Any], files: list[Path]) -> Load:
    import pyarrow.parquet as pq

    dataset, facts = stream.dataset, stream.extraction.facts()
    key = dataset.table("bronze")
    version = table.version if table else -1
    # A count that moved is news even without a row: keys that appeared below the cursor show in nothing else.
    if stream.rows or facts.taken or table is None or facts.total_keys != before.get("total_keys"):
        schema = pq.read_schema(files[0]) if files else stream.schema
        if schema is None:
            raise DataError(
                dataset.name,
                found="no file to load",
                allowed="at least one file in the drop folder for the first load",
                next_command="opetence sandbox seed, or drop the partner's first file",
            )
        version = commit(
            lake,
            key,
            schema=schema,
            add=[stage(lake, key, file) for file in files],
            transactions={_file_transaction(identity): 1 for identity in facts.taken},
            metadata=_progress(stream, before, facts),
            base=version,
        )
        note_undeclared(dataset, lake, _undeclared(stream), stream.load_id)
    return Load(
        key,
        version,
        stream.rows,
        facts.source_rows,
        facts.total_keys,
        stream.deleted,
        _undeclared(stream),
        facts.refused,
    )


def _progress(stream: _Stream, before: dict[str, Any], facts: Facts) -> dict[str, Any]:
    return {
        "cursor": _encoded(_furthest(cursor_of(before), facts.cursor)),
        "load_id": stream.load_id,
        "rows": stream.rows,
        "source_rows": facts.source_rows,
        "total_keys": facts.total_keys,
        "deleted": stream.deleted,
        "undeclared": list(_undeclared(stream)),
        # A window leaves the rest of the source as unread as it was.
        "fingerprint": before.get("fingerprint") if stream.request.window else stream.fingerprint,
    }


def taken_by(lake: Lake, key: str) -> Callable[[str], bool]:
    """Whether a table has taken the file with this content: each is a transaction of the commit its rows came in."""
    table = open_table(lake, key)
    known = transactions_of(lake, key, table.version) if table else {}
    return lambda identity: _file_transaction(identity) in known


def _file_transaction(identity: str) -> str:
    return f"file:{identity}"


def cursor_of(progress: dict[str, Any]) -> Cursor | None:
    """The cursor in a bronze commit's metadata."""
    value = progress.get("cursor")
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _encoded(cursor: Cursor | None) -> Any:
    return cursor.isoformat() if isinstance(cursor, datetime) else cursor


def _furthest(before: Any, now: Any) -> Any:
    """A time or number never goes back; a stream's position is what the stream says."""
    if now is None or before is None or isinstance(now, Mapping):
        return before if now is None else now
    return now if type(before) is not type(now) else max(before, now)


def _refuse_emptiness(dataset: Dataset, table: Table | None, facts: Facts, request: Request) -> None:
    if facts.total_keys == 0 and table is not None and table.rows > 0:
        raise DataError(
            dataset.name,
            found=f"an empty source where bronze holds {table.rows:,} rows",
            allowed="a source that still has its rows",
            next_command="check the source; if it was emptied on purpose, retire the declaration",
        )
