"""What the private database sees of a table, without dbt."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest

from opetence_assets.lake.commits import commit, stage
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import open_table
from opetence_assets.warehouse.views import MissingSilver, show_silver, silver_tables
from opetence_assets_tests.warehouse.silver import SCHEMAS, frame, write

USERS, ORDERS = "silver/user_service/users", "silver/order_service/orders"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def test_a_table_without_files_or_version_is_empty_and_typed(lake: Lake, tmp_path: Path) -> None:
    versions = write(lake, {"user_service/users": frame("user_service/users", [])}, tmp_path)
    declared = {ORDERS: {"order_id": "varchar", "total": "decimal(12,2)"}}
    tables = silver_tables(lake, [USERS, ORDERS], versions, declared)
    with duckdb.connect() as con:
        show_silver(con, tables, declared)
        users, orders = con.sql("from silver_user_service.users"), con.sql("from silver_order_service.orders")
        assert users.columns == [*SCHEMAS["user_service/users"], "_version"]
        assert str(dict(zip(users.columns, users.types, strict=True))["valid_from"]) == "TIMESTAMP WITH TIME ZONE"
        assert [str(kind) for kind in orders.types] == ["VARCHAR", "DECIMAL(12,2)"]
        assert (len(users), len(orders)) == (0, 0)


def test_a_column_that_older_files_lack_is_null(lake: Lake, tmp_path: Path) -> None:
    for columns in (["order_id"], ["order_id", "voucher_code"]):
        rows = frame("order_service/orders", [{"order_id": f"O{len(columns)}", "voucher_code": "V1"}]).select(columns)
        rows.write_parquet(tmp_path / "rows.parquet")
        schema = rows.to_arrow(compat_level=pl.CompatLevel.oldest()).schema
        commit(lake, ORDERS, schema=schema, add=[stage(lake, ORDERS, tmp_path / "rows.parquet")])
    with duckdb.connect() as con:
        show_silver(con, {ORDERS: open_table(lake, ORDERS)}, {})
        found = con.execute("select order_id, voucher_code from silver_order_service.orders order by 1").fetchall()
    assert found == [("O1", None), ("O2", "V1")]


def test_a_silver_table_nobody_knows_the_types_of_is_named(lake: Lake) -> None:
    with pytest.raises(MissingSilver, match="opetence run --select order_service/orders"):
        silver_tables(lake, [ORDERS], {}, {})
