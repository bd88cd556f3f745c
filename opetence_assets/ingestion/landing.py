"""From a source's batches to rows that may land: treated, without what bronze holds, stamped with their load."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import polars as pl

from opetence_assets.dataset import Cursor, DataError, Dataset, Deletes, Drift, Extraction, Facts
from opetence_assets.ingestion.drift import marked, refuse_frozen
from opetence_assets.ingestion.held import Held, forgotten, refuse_retyped, unrepeated, vanished
from opetence_assets.lake.tables import Table
from opetence_assets.privacy.keys import KeyStore
from opetence_assets.privacy.treatment import SEALED, declared_columns, protect

if TYPE_CHECKING:
    import pyarrow

    from opetence_assets.ingestion.bronze import Request
    from opetence_assets.settings import Settings

LOAD_ID, LOADED_AT, DELETED = "_load_id", "_loaded_at", "_deleted"


@dataclass
class Stream:
    """A load under way: grows while its batches pass through dlt."""

    dataset: Dataset
    extraction: Extraction
    held: Held
    store: KeyStore
    settings: Settings
    request: Request
    fingerprint: str  # read before the snapshot: what it counts, the snapshot shows
    before: Cursor | None = None  # what the lake has
    load_id: str = field(default_factory=lambda: uuid4().hex)
    loaded_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    arrived: list[pl.DataFrame] = field(default_factory=list[pl.DataFrame])  # keys, where deletions are reconciled
    rows: int = 0
    deleted: int = 0
    schema: Any = None  # pyarrow.Schema once a batch was seen
    stamps: Any = ()  # pyarrow.Table of load id and time, as long as the longest batch


def landing(stream: Stream, table: Table | None) -> Iterator[pyarrow.Table]:
    read = 0
    for batch in stream.extraction.batches:
        read += len(batch)
        yield from _plain(stream, batch) if _lands_as_received(stream, batch) else _treated(stream, table, batch)
        stream.request.on_rows(read)
    facts = stream.extraction.facts()
    _refuse_emptiness(stream.dataset, table, facts, stream.request)
    refuse_frozen(stream.dataset, undeclared_in(stream))
    gone = _gone(stream, table, facts)
    stream.deleted += len(gone)
    if len(gone):
        yield from _stamped(stream, gone, deleted=True)


def _gone(stream: Stream, table: Table | None, facts: Facts) -> pl.DataFrame:
    """Keys that bronze holds and the source does not, where the declaration says that can be."""
    dataset, keys = stream.dataset, stream.extraction.keys
    if dataset.deletes is Deletes.RESTATED:
        return unrepeated(dataset, stream.held, stream.arrived)
    if dataset.deletes is Deletes.HARD and keys and not stream.request.window:
        return vanished(dataset, table, pl.concat(stream.arrived), keys, facts, compare=_new_day(stream, facts))
    if dataset.deletes is Deletes.TOLD and keys:  # told of nothing while it was not listened to
        return forgotten(dataset, table, keys)
    return pl.DataFrame()


def _new_day(stream: Stream, facts: Facts) -> bool:
    """Whether the source's own clock has reached another day since the last load."""
    cursor, before = facts.cursor, stream.before
    return isinstance(cursor, datetime) and isinstance(before, datetime) and cursor.date() > before.date()


def _treated(stream: Stream, table: Table | None, batch: pyarrow.Table) -> Iterator[pyarrow.Table]:
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


def undeclared_in(stream: Stream) -> tuple[str, ...]:
    return (*stream.extraction.undeclared, *stream.extraction.facts().undeclared)


def _lands_as_received(stream: Stream, batch: pyarrow.Table) -> bool:
    """Whether rows need no Polars on their way (85 MB less at the peak): nothing personal, held or deletable."""
    if not len(batch) or stream.schema is None or len(stream.held) or stream.dataset.deletes is not Deletes.NEVER:
        return False
    if stream.dataset.drift is Drift.QUARANTINE:
        return False
    extra = _extra(stream.dataset, batch)
    if any(batch[name].null_count < len(batch) for name in extra):
        return False
    template = pl.DataFrame(batch.drop_columns(extra).schema.empty_table())
    return protect(template, stream.dataset, stream.store, stream.settings.hash_keys) is template


def _extra(dataset: Dataset, batch: pyarrow.Table) -> list[str]:
    """The columns of a batch that the declaration does not know, other than the source's bookkeeping."""
    declared = declared_columns(dataset)
    return [name for name in batch.column_names if name not in declared and not name.startswith("_")]


def _plain(stream: Stream, batch: pyarrow.Table) -> Iterator[pyarrow.Table]:
    """A batch stamped without copying its values, in the very types that ``_stamped`` gives."""
    import pyarrow as pa

    wide = {pa.string(): pa.large_string(), pa.binary(): pa.large_binary()}
    if extra := _extra(stream.dataset, batch):  # all null, or it would not be here
        batch = batch.drop_columns(extra).append_column(SEALED, pa.nulls(len(batch), pa.large_binary()))
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


def _stamped(stream: Stream, frame: pl.DataFrame, *, deleted: bool = False) -> Iterator[pyarrow.Table]:
    """A batch with the load it came in; the empty first one only shows the schema."""
    if stream.schema is not None and deleted:
        template = pl.DataFrame(stream.schema.empty_table())
        frame = pl.concat(
            [template.select(c for c in template.columns if not c.startswith("_l")), frame], how="diagonal"
        )
    stamped = frame.with_columns(
        pl.lit(stream.load_id).alias(LOAD_ID), pl.lit(stream.loaded_at, pl.Datetime("us", "UTC")).alias(LOADED_AT)
    )
    if deleted or stream.dataset.deletes in (Deletes.HARD, Deletes.RESTATED):
        stamped = stamped.with_columns(pl.lit(deleted).alias(DELETED))
    arrow = stamped.to_arrow(compat_level=pl.CompatLevel.oldest())
    stream.schema = stream.schema or arrow.schema
    stream.rows += len(stamped)
    if len(stamped):
        yield arrow


def _refuse_emptiness(dataset: Dataset, table: Table | None, facts: Facts, request: Request) -> None:
    if facts.total_keys == 0 and table is not None and table.rows > 0:
        raise DataError(
            dataset.name,
            found=f"an empty source where bronze holds {table.rows:,} rows",
            allowed="a source that still has its rows",
            next_command="check the source; if it was emptied on purpose, retire the declaration",
        )
