"""The same on S3, where DuckDB reads Arrow datasets: a real server, conditional puts and all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from opetence_assets_tests.warehouse.conftest import First, Warehouse
from opetence_assets_tests.warehouse.silver import silver

pytestmark = pytest.mark.dagster


def test_gold_is_built_and_refreshed_on_s3(first: First, bucket: dict[str, str], tmp_path: Path) -> None:
    settings = replace(first[0].settings, lake="s3://lake/prefix", storage_options=bucket)
    warehouse = Warehouse(settings, tmp_path)
    warehouse.put(silver())
    made, release = warehouse.refreshed()
    assert made.passed, made.failed
    names = ("fct_orders", "customer_lifetime_value", "fct_online_retail_lines")
    for name in names:
        assert warehouse.gold(name).sort(pl.all()).equals(first[0].gold(name).sort(pl.all())), name

    orders = silver()["order_service/orders"]
    one = pl.col("order_id") == orders["order_id"][4]
    cancelled = pl.when(one).then(pl.lit("cancelled")).otherwise("status").alias("status")
    version = pl.when(one).then(1).otherwise("_version").alias("_version")
    warehouse.put({"order_service/orders": orders.with_columns(cancelled, version)})
    made, later = warehouse.refreshed()
    assert made.passed, made.failed
    assert len(made.days["fct_orders"] or ()) == 1
    assert (
        warehouse.gold("fct_orders")["is_cancelled"].sum()
        == warehouse.gold("fct_orders", release)["is_cancelled"].sum() + 1
    )
    assert later.versions["gold/fct_shipments"] == release.versions["gold/fct_shipments"]
