"""What the private database sees of the lake: a view for each pinned table, over exactly its files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import Table, open_table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    Types = Mapping[str, str]


class MissingSilver(Exception):
    """A silver table that gold reads has no version yet, and nothing says what its columns would be."""


def show_silver(
    con: DuckDBPyConnection, lake: Lake, versions: Mapping[str, int | None], declared: Mapping[str, Types]
) -> None:
    """One view ``silver_<system>.<table>`` for each silver key, as of its version; empty where it has none yet.

    Raises:
        MissingSilver: a table has no version and ``sources.yml`` does not tell its types.
    """
    for key, version in versions.items():
        _, system, name = key.split("/")
        con.execute(f'create schema if not exists "silver_{system}"')
        table = open_table(lake, key, version) if version is not None else None
        types = column_types(con, table) if table else declared.get(key, {})
        if not types:
            raise MissingSilver(
                f"{key}: found no version and no types in dbt/models/sources.yml; allowed: either. "
                f"Next: opetence run --select {system}/{name}"
            )
        con.execute(f'create view "silver_{system}"."{name}" as {rows_of(table, types)}')


def show_released(con: DuckDBPyConnection, schema: str, tables: Mapping[str, Table]) -> None:
    """One view ``<schema>.<model>`` for each released table."""
    for name, table in tables.items():
        con.execute(f'create view {schema}."{name}" as {rows_of(table, column_types(con, table))}')


def rows_of(table: Table | None, types: Types) -> str:
    """A SELECT of a table's rows with these columns; null where an older file has not yet a column."""
    columns = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in types.items())
    shape = f"select {columns} where false"
    if table is None or not table.uris:
        return shape
    files = ", ".join("'" + uri.replace("'", "''") + "'" for uri in table.uris)
    names = ", ".join(f'"{name}"' for name in types)
    read = f"from read_parquet([{files}], union_by_name = true, hive_partitioning = false)"
    return f"select {names} from ({shape} union all by name {read})"  # noqa: S608 - our own names and files


def column_types(con: DuckDBPyConnection, table: Table) -> dict[str, str]:
    """The DuckDB types of a table's columns."""
    empty = table.schema.empty_table()
    con.register("_shape", empty)
    try:
        described = con.execute("describe select * from _shape").fetchall()
    finally:
        con.unregister("_shape")
    return {str(row[0]): str(row[1]) for row in described}
