"""A load: source → protected batches → staged Parquet → ONE commit of rows, cursor and idempotency key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opetence_assets.dataset import Cursor, DataError, Dataset, Extract, Facts, Window
from opetence_assets.ingestion.drift import drift_noted, note_undeclared
from opetence_assets.ingestion.held import held_rows
from opetence_assets.ingestion.landing import Stream, landing, undeclared_in
from opetence_assets.ingestion.looked import note_nothing_new
from opetence_assets.ingestion.staging import normalized
from opetence_assets.lake.commits import commit, stage
from opetence_assets.lake.places import Lake
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.space import room_for
from opetence_assets.lake.tables import Table, open_table, transactions_of
from opetence_assets.privacy.keys import key_store

if TYPE_CHECKING:
    from opetence_assets.settings import Settings


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
    lag: Mapping[str, float] = field(default_factory=dict[str, float])


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
    if before.get("undeclared"):  # again, for a load that was killed between its commit and its note
        note_undeclared(dataset, lake, before["undeclared"], before["load_id"])
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
            stream = Stream(dataset, extraction, held, store, settings, request, fingerprint, cursor_of(before))
            arriving = landing(stream, table)
            first = next(arriving, None)
            if first is None:  # nothing new: dlt need not be woken
                return _committed(stream, lake, table, before, [])
            with normalized(dataset.feed.name, chain((first,), arriving), settings.scratch) as files:
                return _committed(stream, lake, table, before, files)
    finally:
        extraction.close()


def _committed(stream: Stream, lake: Lake, table: Table | None, before: dict[str, Any], files: list[Path]) -> Load:
    import pyarrow.parquet as pq

    dataset, facts = stream.dataset, stream.extraction.facts()
    key = dataset.table("bronze")
    version = table.version if table else -1
    # A count that moved is news even without a row: keys that appeared below the cursor show in nothing else. So is a
    # position: a stream forgets what lies behind it.
    moved = isinstance(facts.cursor, Mapping) and facts.cursor != before.get("cursor")
    if stream.rows or facts.taken or moved or table is None or facts.total_keys != before.get("total_keys"):
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
    elif not stream.request.window and not facts.more:
        note_nothing_new(dataset, stream.settings, version, stream.fingerprint)
    note_undeclared(dataset, lake, undeclared_in(stream), stream.load_id)  # of a table without a new row too
    return Load(
        key,
        version,
        stream.rows,
        facts.source_rows,
        facts.total_keys,
        stream.deleted,
        undeclared_in(stream),
        facts.refused,
        facts.lag,
    )


def _progress(stream: Stream, before: dict[str, Any], facts: Facts) -> dict[str, Any]:
    return {
        "cursor": _encoded(_furthest(cursor_of(before), facts.cursor)),
        "load_id": stream.load_id,
        "rows": stream.rows,
        "source_rows": facts.source_rows,
        "total_keys": facts.total_keys,
        "days": {day.isoformat(): keys for day, keys in facts.days.items()} if facts.days else None,
        "deleted": stream.deleted,
        "undeclared": list(undeclared_in(stream)),
        # A window leaves the rest of the source as unread as it was.
        "fingerprint": before.get("fingerprint") if stream.request.window or facts.more else stream.fingerprint,
    }


def taken_by(lake: Lake, key: str) -> Callable[[str], bool]:
    """Whether a table has taken the file with this content: each is a transaction of the commit its rows came in."""

    @cache
    def known() -> dict[str, int]:  # by reading the log, and sources without files never ask
        table = open_table(lake, key)
        return transactions_of(lake, key, table.version) if table else {}

    return lambda identity: _file_transaction(identity) in known()


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
