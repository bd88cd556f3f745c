"""A connection to a production database: read only, patient with nobody, and known by its name."""

# ruff: noqa: S608  (every name in a statement is one of a declaration, quoted)

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from opetence_assets.dataset import DataError, Dataset, DriftError, redacted
from opetence_assets.sources.postgres_types import Column, quoted

if TYPE_CHECKING:
    from opetence_assets.settings import Settings

REPEATABLE = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
IN_USE = "55006"  # SQLSTATE of a slot that another session reads
LIMITS = {
    "default_transaction_read_only": "on",
    "statement_timeout": timedelta(hours=1),
    "lock_timeout": timedelta(seconds=10),  # somebody alters the table: come again later rather than stand in line
    "idle_in_transaction_session_timeout": timedelta(minutes=30),
    "max_parallel_workers_per_gather": "0",  # one process of theirs for one of ours
    # Text as every reader of bronze expects it, whatever the role's or the database's habits.
    "datestyle": "ISO",
    "timezone": "UTC",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
}


def replica_of(dsn: str) -> str:
    """The variable of the replica that is read instead of ``dsn`` where it is set: X_DSN → X_REPLICA_DSN."""
    return f"{dsn.removesuffix('_DSN')}_REPLICA_DSN"


def connected(dsn: str, settings: Settings, dataset: str, *, replica: bool = False) -> Any:
    """A connection that may only read, gives up early, and whose ``application_name`` says what it is for.

    Args:
        dsn: the variable that holds the connection string.
        replica: whether a replica will do, where one is configured.

    Raises:
        DataError: nobody answers there.
    """
    import adbc_driver_postgresql.dbapi as adbc

    chosen = replica_of(dsn) if replica and settings.variables.get(replica_of(dsn), "").strip() else dsn
    address = settings.secret(chosen, dataset=dataset)
    try:
        connection = opened(address)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(_configured(dataset))}")
            cursor.fetchone()
    except adbc.Error:
        raise DataError(
            dataset,
            found=f"no PostgreSQL answering at {chosen}",
            allowed="a reachable server and the read-only role's credentials",
            next_command="opetence sandbox up   (or check the address and the server's log)",
        ) from None  # the driver's own message repeats the connection string
    return connection


def opened(address: str) -> Any:
    """A connection in which each statement is a transaction of its own, where none is begun.

    Raises:
        adbc_driver_manager.Error: nobody answers there.
    """
    from adbc_driver_manager import AdbcConnection
    from adbc_driver_manager.dbapi import Connection

    database = _known(address)
    return Connection(database, AdbcConnection(database._db), autocommit=True)  # as the driver's own adbc_clone() does


@cache
def _known(address: str) -> Any:
    """A server as the driver knows it, without a connection. It asks for every type and table there is, 40 ms of CPU
    of a database without any of its own: once a process, not once a read. A type made later is no matter: what is
    read here is of PostgreSQL's own types, or text.
    """
    import adbc_driver_postgresql
    from adbc_driver_manager.dbapi import _SharedDatabase  # pyright: ignore[reportPrivateUsage]

    return _SharedDatabase(adbc_driver_postgresql.connect(address))


def _configured(dataset: str) -> list[str]:
    values = {name: _spelt(value) for name, value in LIMITS.items()} | {"application_name": f"opetence {dataset}"[:63]}
    return [f"set_config('{name}', {literal(value)}, false)" for name, value in values.items()]


def _spelt(value: str | timedelta) -> str:
    return value if isinstance(value, str) else f"{int(value.total_seconds())}s"


@contextmanager
def answered(name: str, rows: Callable[[], int] = lambda: 0) -> Generator[None]:
    """What goes wrong on the server while the block reads from it, as one of our errors (its own may quote a row)."""
    import adbc_driver_postgresql.dbapi as adbc

    try:
        yield
    except (adbc.Error, OSError) as error:
        state = getattr(error, "sqlstate", None)
        busy = state == IN_USE
        raise DataError(
            name,
            found="another session that reads this slot"
            if busy
            else f"the source failed after {rows():,} rows ({type(error).__name__}, SQLSTATE {state})",
            allowed="a slot of this table's own" if busy else "a read to its end; nothing of this one was kept",
            next_command=f"opetence run --select {name}",
        ) from None


def literal(value: str) -> str:
    """Text as SQL has it."""
    return "'" + value.replace("'", "''") + "'"


def one(cursor: Any, sql: str) -> tuple[Any, ...]:
    """The only row of a query."""
    cursor.execute(sql)
    return cursor.fetchone()


def attributes(cursor: Any, relation: str) -> list[Column]:
    """A table's columns and types, as the server spells them; empty if there is no such table."""
    cursor.execute(
        "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute"
        f" WHERE attrelid = to_regclass({literal(relation)}) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )
    return [Column(name, kind) for name, kind in cursor.fetchall()]


def columns_of(cursor: Any, relation: str, dataset: Dataset, dsn: str) -> list[Column]:
    """The same of a table that must be there.

    Raises:
        DataError: it is not, or may not be read.
    """
    columns = attributes(cursor, relation)
    if not columns:
        raise DataError(
            dataset.name,
            found=f"no table {relation} (or no right to read it)",
            allowed="the declared table, readable by the platform's role",
            next_command=f"GRANT SELECT ON {relation} TO the role in {dsn}",
        )
    return columns


def wanted(found: Sequence[Column], dataset: Dataset) -> tuple[list[Column], tuple[str, ...]]:
    """The columns to select (redacted ones never leave the server) and the undeclared among them.

    Raises:
        DriftError: a declared column is gone.
    """
    declared, secret = tuple(dataset.schema.to_schema().columns), redacted(dataset)
    names = {column.name for column in found}
    if gone := [name for name in declared if name not in names and name not in secret]:
        raise DriftError(
            dataset.name,
            tuple(f"removed: {name}" for name in gone),
            found=f"no column {', '.join(gone)} in the source (it has {', '.join(sorted(names))})",
            allowed=f"the declared columns {', '.join(declared)}",
            next_command=f"if it was renamed or dropped, edit opetence_assets/datasets/{dataset.name}.py",
        )
    taken = [column for column in found if column.name not in secret]
    return taken, tuple(column.name for column in taken if column.name not in declared)


def key_list(names: Sequence[str]) -> str:
    return ", ".join(quoted(name) for name in names)
