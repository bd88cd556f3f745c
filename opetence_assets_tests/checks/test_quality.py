"""What silver's checks see, and that what they leave to the files' own statistics is true."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from opetence_assets.checks.quality import quality_results
from opetence_assets.ingestion.bronze import load
from opetence_assets.lake.commits import commit
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import Table, open_table
from opetence_assets.refinement.files import arrow_schema, staged
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings
from opetence_assets_tests.shop import Shop, sales

KEY = "silver/shop/sales"


@pytest.fixture
def silver(shop: Shop, lake: Lake, shop_settings: Settings) -> Table:
    shop.sell(range(50))
    load(sales, lake, shop_settings)
    refine(sales, lake, shop_settings.scratch)
    table = open_table(lake, KEY)
    assert table is not None
    return table


def overwritten(lake: Lake, silver: Table, rows: pl.DataFrame, scratch: Path) -> Table:
    """Silver as it must never be: written past refinement."""
    files = staged(lake, KEY, [rows], scratch)
    commit(lake, KEY, schema=arrow_schema(rows), add=files, remove=silver.files, base=silver.version)
    table = open_table(lake, KEY)
    assert table is not None
    return table


def failed(table: Table) -> dict[str, str]:
    return {result.name: result.found for result in quality_results(sales, table) if not result.passed}


def test_good_rows_pass(silver: Table) -> None:
    assert failed(silver) == {}


def test_a_null_that_may_not_be_is_found(silver: Table, lake: Lake, shop_settings: Settings) -> None:
    rows = silver.scan().collect()
    broken = rows.with_columns(pl.when(pl.col("sale_id") == 7).then(None).otherwise(pl.col("amount")).alias("amount"))

    assert "amount: null: 1 rows" in failed(overwritten(lake, silver, broken, shop_settings.scratch))["rules"]


def test_statistics_are_kept_and_tell_no_personal_value(silver: Table) -> None:
    rules = next(result for result in quality_results(sales, silver) if result.name == "rules")
    statistics = rules.metadata["statistics"]

    assert json.loads(json.dumps(statistics)) == statistics
    assert statistics["sale_id"] == {
        **{"rows": 50, "nulls": 0, "distinct": 50, "distinct_is_exact": True, "min": 0, "max": 49, "mean": 24.5},
        **{"p01": 0, "p05": 2, "p25": 12, "p50": 25, "p75": 37, "p95": 47, "p99": 49},
    }
    assert set(statistics["phone_masked"]) == {"rows", "nulls", "distinct", "distinct_is_exact"}
    assert "•••" not in json.dumps(statistics, ensure_ascii=False)


def test_a_repeated_key_and_a_broken_rule_are_counted(silver: Table, lake: Lake, shop_settings: Settings) -> None:
    rows = silver.scan().collect()
    twice = pl.concat([rows, rows.head(2).with_columns(pl.lit("-1.00").cast(pl.Decimal(12, 2)).alias("amount"))])

    found = failed(overwritten(lake, silver, twice, shop_settings.scratch))

    assert found["unique_key"].startswith("2 rows")
    assert "amount: greater_than_or_equal_to: 2 rows" in found["rules"]
