"""PostgreSQL over ADBC: one repeatable-read, read-only transaction per read, Arrow from the wire on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from opetence_assets.dataset import DataError, Dataset, DriftError, Extract, Extraction, Facts, redacted
from opetence_assets.sources.postgres_types import Column, landed, quoted, selected

if TYPE_CHECKING:
    import polars as pl
    import pyarrow

    from opetence_assets.settings import Settings

BATCH_BYTES = 32 * 2**20  # smaller batches cost round trips, larger ones only peak memory
STATEMENT_TIMEOUT = timedelta(hours=1)


@dataclass(frozen=True)
class Postgres:
    """A database: the system's name, its schema, and the variable that holds its connection string."""

    system: str
    schema: str
    dsn: str

    def table(self, name: str, *, lag: timedelta = timedelta(0)) -> PostgresTable:
        return PostgresTable(self, name, lag)


@dataclass(frozen=True)
class PostgresTable:
    """A table read by cursor; ``lag`` is how long a transaction may take to commit after it stamped its rows."""

    source: Postgres
    name: str
    lag: timedelta = timedelta(0)
    kind: str = "postgres"
    since: date | None = None

    @property
    def system(self) -> str:
        return self.source.system

    @property
    def relation(self) -> str:
        return f"{quoted(self.source.schema)}.{quoted(self.name)}"

    def extract(self, request: Extract, settings: Settings) -> Extraction:
        """Opens the read; rows, counts and keys all come from one snapshot of the database.

        Raises:
            DataError: the source is down, or a declared column is gone.
        """
        read = _opened(self, request, settings)
        return Extraction(
            batches=_batches(read),
            facts=lambda: Facts(read.rows, read.total, _next_cursor(read)),
            close=read.close,
            keys=read.keys,
            undeclared=read.undeclared,
            rereads=_rereads(request, self),
        )

    def fingerprint(self, dataset: Dataset, settings: Settings) -> str:
        """Changes whenever a row was inserted, updated or deleted; reads the server's counters, not the table."""
        connection = _connected(self, settings, dataset.name)
        with connection, connection.cursor() as cursor:
            # A view has no counters: it may have changed at any time.
            (counters,) = _one(
                cursor,
                "SELECT coalesce((SELECT concat_ws('-', n_tup_ins, n_tup_upd, n_tup_del) FROM pg_stat_user_tables"
                f" WHERE relid = to_regclass('{self.relation}')), clock_timestamp()::text)",
            )
        return counters


def described(feed: PostgresTable, settings: Settings) -> list[Column]:
    """The table's columns and types, as the server spells them; empty if there is no such table."""
    connection = _connected(feed, settings, f"{feed.system}/{feed.name}")
    with connection, connection.cursor() as cursor:
        return _attributes(cursor, feed)


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


def _connected(feed: PostgresTable, settings: Settings, name: str) -> Any:
    import adbc_driver_postgresql.dbapi as adbc

    dsn = settings.secret(feed.source.dsn, dataset=name)
    try:
        return adbc.connect(dsn, autocommit=True)
    except adbc.Error:
        raise DataError(
            name,
            found=f"no PostgreSQL answering at {feed.source.dsn}",
            allowed="a reachable server and the read-only role's credentials",
            next_command="opetence sandbox up   (or check the address and the server's log)",
        ) from None  # the driver's own message repeats the connection string


def _opened(feed: PostgresTable, request: Extract, settings: Settings) -> _Read:
    dataset = request.dataset
    connection = _connected(feed, settings, dataset.name)
    try:
        cursor = connection.cursor()
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute(f"SET LOCAL statement_timeout = {int(STATEMENT_TIMEOUT.total_seconds() * 1000)}")
        columns, undeclared = _wanted(_columns(cursor, feed, dataset), dataset)
        total, now = _one(cursor, f"SELECT ({_counting(cursor, feed, dataset)}), now()")
    except BaseException:
        connection.close()
        raise
    sql = f"SELECT {selected(columns)} FROM {feed.relation}{_where(request, feed)}"
    return _Read(feed, dataset, connection, cursor, columns, undeclared, total, now, sql)


def _batches(read: _Read) -> Iterator[pyarrow.Table]:
    import adbc_driver_postgresql.dbapi as adbc
    import pyarrow as pa

    read.cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(BATCH_BYTES)})
    try:
        read.cursor.execute(read.sql)
        reader = read.cursor.fetch_record_batch()
        yield landed(pa.RecordBatch.from_pylist([], schema=reader.schema), read.columns)  # the schema, even of no rows
        for batch in reader:
            table = landed(batch, read.columns)
            read.rows += len(table)
            if read.dataset.cursor:
                newest = _newest(table[read.dataset.cursor])
                read.newest = max((v for v in (read.newest, newest) if v is not None), default=None)
            yield table
    except (adbc.Error, OSError) as error:
        raise DataError(
            read.dataset.name,
            found=f"the source failed after {read.rows:,} rows ({type(error).__name__})",
            allowed="a read that reaches its end; nothing of this one was kept",
            next_command=f"opetence run --select {read.dataset.name}",
        ) from None  # the server's message may quote a row


def _newest(values: pyarrow.ChunkedArray) -> Any:
    import polars as pl

    return pl.Series(values).max()


def _one(cursor: Any, sql: str) -> tuple[Any, ...]:
    cursor.execute(sql)
    return cursor.fetchone()


def _counting(cursor: Any, feed: PostgresTable, dataset: Dataset) -> str:
    """The query that counts the distinct keys; only where keys may repeat need they be told apart."""
    cursor.execute(
        "SELECT array_agg(attname::text) FROM pg_index JOIN pg_attribute"
        " ON attrelid = indrelid AND attnum = ANY(indkey)"
        f" WHERE indrelid = to_regclass('{feed.relation}') AND indisunique AND indpred IS NULL GROUP BY indexrelid"
    )
    key = set(dataset.key)
    if any(set(columns) <= key for (columns,) in cursor.fetchall()):
        return f"SELECT count(*) FROM {feed.relation}"
    columns = ", ".join(quoted(name) for name in dataset.key)
    return f"SELECT count(*) FROM (SELECT DISTINCT {columns} FROM {feed.relation}) AS keys"


def _attributes(cursor: Any, feed: PostgresTable) -> list[Column]:
    cursor.execute(
        "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute"
        f" WHERE attrelid = to_regclass('{feed.relation}') AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )
    return [Column(name, kind) for name, kind in cursor.fetchall()]


def _columns(cursor: Any, feed: PostgresTable, dataset: Dataset) -> list[Column]:
    columns = _attributes(cursor, feed)
    if not columns:
        raise DataError(
            dataset.name,
            found=f"no table {feed.relation} (or no right to read it)",
            allowed="the declared table, readable by the platform's role",
            next_command=f"GRANT SELECT ON {feed.relation} TO the role in {feed.source.dsn}",
        )
    return columns


def _wanted(found: Sequence[Column], dataset: Dataset) -> tuple[list[Column], tuple[str, ...]]:
    """The columns to select (redacted ones never leave the server) and the undeclared among them."""
    declared, secret = tuple(dataset.schema.to_schema().columns), redacted(dataset)
    names = {column.name for column in found}
    if gone := [name for name in declared if name not in names]:
        raise DriftError(
            dataset.name,
            tuple(f"removed: {name}" for name in gone),
            found=f"no column {', '.join(gone)} in the source (it has {', '.join(sorted(names))})",
            allowed=f"the declared columns {', '.join(declared)}",
            next_command=f"if it was renamed or dropped, edit opetence_assets/datasets/{dataset.name}.py",
        )
    wanted = [column for column in found if column.name not in secret]
    return wanted, tuple(column.name for column in wanted if column.name not in declared)


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


def landed_table(table: pyarrow.Table, columns: Sequence[Column]) -> pyarrow.Table:
    import pyarrow as pa

    return pa.concat_tables(landed(batch, columns) for batch in table.to_batches()) if len(table) else table
