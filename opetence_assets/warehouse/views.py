"""What the private database sees of the lake: a view for each pinned table, over exactly its files.

Local files DuckDB reads itself. It cannot reach S3 without an extension that may not be downloaded, so a table there is
an Arrow dataset that DuckDB pushes columns and filters into; it is known to a connection by name, not to the database,
and has to be registered with each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import Table, open_table, snapshot

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    Types = Mapping[str, str]
    Datasets = Mapping[str, object]


class MissingSilver(Exception):
    """A silver table that gold reads has no version yet, and nothing says what its columns would be."""


def silver_tables(
    lake: Lake, needed: Iterable[str], versions: Mapping[str, int], declared: Mapping[str, Types]
) -> dict[str, Table | None]:
    """The pinned silver tables by key; None where one has no version yet.

    Raises:
        MissingSilver: a table has no version and ``sources.yml`` does not tell its types.
    """
    found = {key: open_table(lake, key, versions[key]) if key in versions else None for key in needed}
    for key, table in found.items():
        if table is None and not declared.get(key):
            raise MissingSilver(
                f"{key}: found no version, and no types in dbt/models/sources.yml; allowed: either. "
                f"Next: opetence run --select {key.removeprefix('silver/')}"
            )
    return found


def datasets(tables: Iterable[Table | None]) -> dict[str, object]:
    """Name → Arrow dataset of each table that DuckDB cannot read by itself."""
    found: dict[str, object] = {}
    for table in tables:
        if table is not None and table.files and not table.lake.is_local:
            delta = snapshot(table.lake, table.key, table.version)
            assert delta is not None
            found[_arrow_name(table)] = delta.to_pyarrow_dataset()
    return found


def register(con: DuckDBPyConnection, known: Datasets) -> None:
    """Makes Arrow datasets known to one connection."""
    for name, dataset in known.items():
        con.register(name, dataset)


def show_silver(con: DuckDBPyConnection, tables: Mapping[str, Table | None], declared: Mapping[str, Types]) -> None:
    """One view ``silver_<system>.<table>`` for each silver key; empty where it has no version yet."""
    for key, table in tables.items():
        _, system, name = key.split("/")
        types = column_types(con, table) if table else declared[key]
        con.execute(f'create schema if not exists "silver_{system}"')
        con.execute(f'create view "silver_{system}"."{name}" as {rows_of(table, types)}')


def show_released(con: DuckDBPyConnection, schema: str, tables: Mapping[str, Table]) -> None:
    """One view ``<schema>.<model>`` for each released table."""
    for name, table in tables.items():
        con.execute(f'create view {schema}."{name}" as {rows_of(table, column_types(con, table))}')


def rows_of(table: Table | None, types: Types) -> str:
    """A SELECT of a table's rows with these columns; null where an older file has not yet a column."""
    columns = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in types.items())
    shape = f"select {columns} where false"
    if table is None or not table.files:
        return shape
    names = ", ".join(f'"{name}"' for name in types)
    return f"select {names} from ({shape} union all by name from {_files_of(table)})"  # noqa: S608 - our own names


def column_types(con: DuckDBPyConnection, table: Table) -> dict[str, str]:
    """The DuckDB types of a table's columns."""
    empty = con.from_arrow(table.schema.empty_table())
    return {name: str(kind) for name, kind in zip(empty.columns, empty.types, strict=True)}


def _files_of(table: Table) -> str:
    if not table.lake.is_local:
        return f'temp.main."{_arrow_name(table)}"'
    files = ", ".join("'" + uri.replace("'", "''") + "'" for uri in table.uris)
    return f"read_parquet([{files}], union_by_name = true, hive_partitioning = false)"


def _arrow_name(table: Table) -> str:
    return f"{table.key}@{table.version}"
