"""PostgreSQL over ADBC: one repeatable-read, read-only transaction per read, Arrow from the wire on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from opetence_assets.dataset import Dataset, Extract, Extraction, Facts
from opetence_assets.sources.postgres_counts import counting, indexes, keys_by_day
from opetence_assets.sources.postgres_server import (
    REPEATABLE,
    answered,
    attributes,
    columns_of,
    connected,
    one,
    wanted,
)
from opetence_assets.sources.postgres_types import Column, landed, landed_table, quoted, selected

if TYPE_CHECKING:
    import polars as pl
    import pyarrow

    from opetence_assets.settings import Settings
    from opetence_assets.sources.postgres_changes import PostgresChanges

BATCH_BYTES = 32 * 2**20  # smaller batches cost round trips, larger ones only peak memory
PACED_BYTES = 4 * 2**20  # where the source is to rest between batches: short bursts, short rests


@dataclass(frozen=True)
class Postgres:
    """A database: the system's name, its schema, and the variable that holds its connection string.

    Where the variable of a replica is set too (``X_REPLICA_DSN`` beside ``X_DSN``), tables are read there.
    """

    system: str
    schema: str
    dsn: str

    def table(self, name: str, *, lag: timedelta = timedelta(0), pace: float = 0.0) -> PostgresTable:
        return PostgresTable(self, name, lag, pace)

    def changes(self, name: str, *, slot: str, publication: str) -> PostgresChanges:
        """The same table by its changes; ``slot`` is this table's own, ``publication`` may hold many tables."""
        from opetence_assets.sources.postgres_changes import PostgresChanges

        return PostgresChanges(self, name, slot, publication)

    def relation(self, name: str) -> str:
        return f"{quoted(self.schema)}.{quoted(name)}"


@dataclass(frozen=True)
class PostgresTable:
    """A table read by cursor; ``lag`` is how long a transaction may take to commit after it stamped its rows.

    ``pace`` is how long the server rests after each batch, as a multiple of how long that took it: with 1 it works
    half of the time for us. It never works with more than one process for a load.
    """

    source: Postgres
    name: str
    lag: timedelta = timedelta(0)
    pace: float = 0.0
    kind: str = "postgres"
    since: date | None = None

    @property
    def system(self) -> str:
        return self.source.system

    @property
    def relation(self) -> str:
        return self.source.relation(self.name)

    def extract(self, request: Extract, settings: Settings) -> Extraction:
        """Opens the read; rows, counts and keys all come from one snapshot of the database.

        Raises:
            DataError: the source is down, or a declared column is gone.
        """
        read = _opened(self, request, settings)
        return Extraction(
            batches=_batches(read),
            facts=lambda: Facts(read.rows, read.total, _next_cursor(read), days=read.days),
            close=read.close,
            keys=read.keys,
            undeclared=read.undeclared,
            rereads=_rereads(request, self),
        )

    def fingerprint(self, dataset: Dataset, settings: Settings) -> str:
        """Changes whenever a row was inserted, updated or deleted; reads the server's counters, not the table.

        A replica counts no writes: there, whatever it replays may have been one.
        """
        connection = connected(self.source.dsn, settings, dataset.name, replica=True)
        with connection, connection.cursor() as cursor:
            # A view has no counters: it may have changed at any time.
            (counters,) = one(
                cursor,
                "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text ELSE coalesce((SELECT"
                " concat_ws('-', n_tup_ins, n_tup_upd, n_tup_del) FROM pg_stat_user_tables"
                f" WHERE relid = to_regclass('{self.relation}')), clock_timestamp()::text) END",
            )
        return counters


def described(feed: PostgresTable, settings: Settings) -> list[Column]:
    """The table's columns and types, as the server spells them; empty if there is no such table."""
    connection = connected(feed.source.dsn, settings, f"{feed.system}/{feed.name}", replica=True)
    with connection, connection.cursor() as cursor:
        return attributes(cursor, feed.relation)


@dataclass
class _Read:
    """A read under way: grows while its batches are consumed."""

    feed: PostgresTable
    dataset: Dataset
    connection: Any
    cursor: Any
    columns: Sequence[Column]
    undeclared: tuple[str, ...]
    total: int
    days: Mapping[date, int] | None
    now: datetime
    sql: str
    rows: int = 0
    newest: datetime | int | None = None

    def close(self) -> None:
        self.connection.close()

    def keys(self) -> pyarrow.Table:
        columns = [column for column in self.columns if column.name in self.dataset.key]
        self.cursor.execute(f"SELECT {selected(columns)} FROM {self.feed.relation}")
        return landed_table(self.cursor.fetch_arrow_table(), columns)


def _opened(feed: PostgresTable, request: Extract, settings: Settings) -> _Read:
    dataset = request.dataset
    connection = connected(feed.source.dsn, settings, dataset.name, replica=True)
    try:
        with answered(dataset.name):
            cursor = connection.cursor()
            cursor.execute(REPEATABLE)
            columns, undeclared = wanted(columns_of(cursor, feed.relation, dataset, feed.source.dsn), dataset)
            known = indexes(cursor, feed.relation)
            total, now = one(cursor, f"SELECT ({counting(feed.relation, dataset, known)}), now()")
            days = keys_by_day(cursor, feed.relation, dataset, columns, known)
    except BaseException:
        connection.close()
        raise
    sql = f"SELECT {selected(columns)} FROM {feed.relation}{_where(request, feed)}"
    return _Read(feed, dataset, connection, cursor, columns, undeclared, total, days, now, sql)


def _batches(read: _Read) -> Iterator[pyarrow.Table]:
    import pyarrow as pa

    size = PACED_BYTES if read.feed.pace else BATCH_BYTES
    read.cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(size)})
    with answered(read.dataset.name, lambda: read.rows):
        read.cursor.execute(read.sql)
        reader = read.cursor.fetch_record_batch()
        yield landed(pa.RecordBatch.from_pylist([], schema=reader.schema), read.columns)  # the schema, even of no rows
        for batch in paced(reader, read.feed.pace):
            table = landed(batch, read.columns)
            read.rows += len(table)
            if read.dataset.cursor:
                newest = _newest(table[read.dataset.cursor])
                read.newest = max((v for v in (read.newest, newest) if v is not None), default=None)
            yield table


def paced(batches: Iterable[pyarrow.RecordBatch], pace: float) -> Iterator[pyarrow.RecordBatch]:
    """The batches, each followed by a rest of ``pace`` times what it took: nobody reads, so the server waits."""
    started = time.perf_counter()
    for batch in batches:
        took = time.perf_counter() - started
        yield batch
        if pace:
            time.sleep(pace * took)
        started = time.perf_counter()


def _newest(values: pyarrow.ChunkedArray) -> Any:
    import polars as pl

    return pl.Series(values).max()


def _where(request: Extract, feed: PostgresTable) -> str:
    dataset = request.dataset
    if request.window:
        column = quoted(dataset.window_column)
        return f" WHERE {column} >= {_literal(request.window.start)} AND {column} < {_literal(request.window.end)}"
    after = _after(request, feed)
    if after is None or dataset.cursor is None:
        return ""
    # >=, not >: many rows may share one cursor value, and some of them may not have been committed yet.
    return f" WHERE {quoted(dataset.cursor)} >= {_literal(after)}"


def _rereads(request: Extract, feed: PostgresTable) -> pl.Expr | None:
    """The same span as ``_where``, of bronze."""
    import polars as pl

    if request.window:
        column = pl.col(request.dataset.window_column)
        return (column >= request.window.start) & (column < request.window.end)
    after = _after(request, feed)
    return None if after is None or request.dataset.cursor is None else pl.col(request.dataset.cursor) >= after


def _after(request: Extract, feed: PostgresTable) -> datetime | int | None:
    match request.after:
        case datetime():
            return request.after - feed.lag
        case int():
            return request.after
        case _:
            return None  # a position is a stream's: this feed took over from one, and reads all once


def _literal(value: datetime | int) -> str:
    return f"'{value.astimezone(UTC).isoformat()}'" if isinstance(value, datetime) else str(int(value))


def _next_cursor(read: _Read) -> datetime | int | None:
    """The newest value read, never beyond the server's own now: a row stamped in the future must not hide others."""
    newest = read.newest
    return min(newest, read.now) if isinstance(newest, datetime) else newest
