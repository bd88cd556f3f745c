"""SQL over one release, read-only: what people, BI tools and agents may ask, and nothing else on the machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from opetence_assets.lake.places import Lake
from opetence_assets.lake.releases import Release
from opetence_assets.lake.tables import Table, open_table

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from pyarrow.fs import S3FileSystem

CATALOGS = ("silver", "quarantine", "gold")  # bronze holds what people are not to read
EXPLAIN = re.compile(r"\s*explain\s+(analyze\s+|verbose\s+)?(\(.*?\)\s*)?", re.IGNORECASE | re.DOTALL)


class QueryRefused(Exception):
    """The SQL is not one read-only statement over the release, or it is wrong."""


def query(lake: Lake, release: Release, sql: str) -> pa.Table:
    """The result of one SELECT (or EXPLAIN, DESCRIBE, SHOW, SUMMARIZE) over the tables of a release.

    Tables are ``gold.<model>``, ``silver.<system>.<table>`` and ``quarantine.<system>.<table>``, also by their lake
    key in quotes: ``"gold/daily_revenue"``. ``gold.release`` says which release that is and how old. Times are UTC.

    Raises:
        QueryRefused: more than one statement, one that writes or configures, a file or an unknown table, an SQL error.
    """
    import duckdb

    with duckdb.connect(":memory:") as connection:
        try:
            statement = _one_read(connection, sql)
            tables = _tables(lake, release, sql)
            _expose(connection, tables, sql)
            _tell_age(connection, release)
            _lock(connection, (uri for table in tables if lake.is_local for uri in table.uris))
            return connection.sql(statement).to_arrow_table()
        except duckdb.Error as error:
            known = ", ".join(sorted(_name(key) for key in release.versions if _is_public(key)))
            raise QueryRefused(f"{str(error).strip()}\nTables of release {release.number}: {known}") from None


def _one_read(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    """The one statement, if it only reads; what EXPLAIN explains must be a read too, for ANALYZE runs it."""
    import duckdb

    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise QueryRefused(f"found {len(statements)} statements; allowed: exactly one. Next: send them one by one")
    statement = statements[0]
    if statement.type == duckdb.StatementType.EXPLAIN:
        explained = EXPLAIN.sub("", statement.query, count=1)
        if explained == statement.query:
            raise QueryRefused("found an EXPLAIN of an unknown form; allowed: EXPLAIN [ANALYZE] SELECT …")
        _one_read(connection, explained)
    elif statement.type != duckdb.StatementType.SELECT:
        raise QueryRefused(
            f"found a {statement.type.name} statement; allowed: SELECT, EXPLAIN, DESCRIBE, SHOW, SUMMARIZE"
        )
    return statement


def _tables(lake: Lake, release: Release, sql: str) -> list[Table]:
    """The release's tables that the SQL may mean: those whose last name is in it; all, where it names none (SHOW …)."""
    words = set(re.findall(r"\w+", sql.lower()))
    public = [key for key in release.versions if _is_public(key)]
    meant = [key for key in public if key.rpartition("/")[2].lower() in words]
    opened = (open_table(lake, key, release.versions[key]) for key in meant or public)
    return [table for table in opened if table is not None]


def _expose(connection: duckdb.DuckDBPyConnection, tables: Sequence[Table], sql: str) -> None:
    """A view for each table; making one reads every footer, so the quoted name is made only where it is used."""
    for catalog in CATALOGS:
        connection.execute(f"ATTACH ':memory:' AS {catalog}")
    for table in tables:
        catalog, *schema, _ = table.key.split("/")
        for name in schema:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {catalog}.{_quoted(name)}")
        connection.execute(f"CREATE VIEW {_name(table.key)} AS {_rows(connection, table)}")
        if _quoted(table.key) in sql:
            connection.execute(f"CREATE VIEW {_quoted(table.key)} AS FROM {_name(table.key)}")


def _tell_age(connection: duckdb.DuckDBPyConnection, release: Release) -> None:
    """What a dashboard shows beside its numbers: while a refresh fails, they stay those of the last good release."""
    made = f"TIMESTAMPTZ '{release.created_at.isoformat()}'"
    age = f"round(date_diff('minute', {made}, now()) / 60, 1)"
    connection.execute(
        f"CREATE VIEW gold.release AS SELECT {release.number} AS number, {made} AS created_at, {age} AS age_hours"
    )


def _rows(connection: duckdb.DuckDBPyConnection, table: Table) -> str:
    """SQL for a table's rows in its own schema: columns that older files lack are null, no file is no row."""
    if not table.lake.is_local:
        connection.register(f"arrow of {table.key}", _dataset(table))
        return f"FROM temp.main.{_quoted(f'arrow of {table.key}')}"
    empty = connection.from_arrow(table.schema.empty_table())
    typed = ", ".join(f"NULL::{kind} AS {_quoted(name)}" for name, kind in zip(empty.columns, empty.types, strict=True))
    if not table.files:
        return f"SELECT {typed} WHERE false"
    files = f"read_parquet({_listed(table.uris)}, union_by_name = true, hive_partitioning = false)"
    return f"SELECT {typed} WHERE false UNION ALL BY NAME FROM {files}"  # noqa: S608 - quoted above


def _dataset(table: Table) -> object:
    import pyarrow.dataset as ds

    paths = [uri.removeprefix("s3://") for uri in table.uris]
    return ds.dataset(paths, schema=table.schema, format="parquet", filesystem=_s3(table.lake))


def _s3(lake: Lake) -> S3FileSystem:
    from pyarrow.fs import S3FileSystem

    get = lake.options.get
    return S3FileSystem(
        access_key=get("AWS_ACCESS_KEY_ID"),
        secret_key=get("AWS_SECRET_ACCESS_KEY"),
        session_token=get("AWS_SESSION_TOKEN"),
        region=get("AWS_REGION") or get("AWS_DEFAULT_REGION"),
        endpoint_override=get("AWS_ENDPOINT_URL"),
    )


def _lock(connection: duckdb.DuckDBPyConnection, files: Iterable[str]) -> None:
    """No file but these, no extension, no Python variable, and no way back."""
    connection.execute(f"SET allowed_paths = {_listed(files)}")
    for setting in (
        "TimeZone = 'UTC'",
        "python_enable_replacements = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")


def _is_public(key: str) -> bool:
    return key.split("/")[0] in CATALOGS


def _name(key: str) -> str:
    """``silver.order_service.orders`` for ``silver/order_service/orders``; quoted where SQL needs it."""
    return ".".join(part if re.fullmatch(r"[a-z_][a-z0-9_]*", part) else _quoted(part) for part in key.split("/"))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _listed(texts: Iterable[str]) -> str:
    return "[" + ", ".join("'" + text.replace("'", "''") + "'" for text in texts) + "]"
