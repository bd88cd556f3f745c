"""Each day's rows at a real source, in bronze and in silver: what is lost on the way is told by day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.ingestion.bronze import load
from opetence_assets.lake.places import Lake
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.tables import open_table
from opetence_assets.lake.verdicts import CheckResult
from opetence_assets.quality.across import SHARE, rows_across
from opetence_assets.quality.history import history
from opetence_assets.quality.judging import day_results
from opetence_assets.quality.measuring import measure
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings
from opetence_assets_tests.shop import NOON, Shop, sales

END = NOON + timedelta(days=60)
INDEX = "CREATE INDEX sales_moved ON shop.sales (updated_at)"


def told(dataset: Dataset, lake: Lake, settings: Settings) -> CheckResult:
    load(dataset, lake, settings)
    refine(dataset, lake, settings.scratch)
    silver = open_table(lake, dataset.table("silver"))
    assert silver is not None
    measure(dataset, lake, silver, now=END)
    return {result.name: result for result in day_results(dataset, lake, silver, now=END)}["complete_by_day"]


def of(result: CheckResult) -> tuple[Any, ...]:
    return tuple(result.metadata[name] for name in ("days", "source_rows", "bronze_rows", "silver_rows", "missing"))


def test_the_last_days_are_counted_wherever_rows_lie(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.run(INDEX)
    shop.sell(range(600), at=END)  # ten on each of sixty days

    found = told(sales, lake, shop_settings)

    assert (found.passed, of(found)) == (True, (7, 70, 70, 70, 0)), found
    shares = history(lake, "silver/shop/sales").filter(pl.col("metric_name") == SHARE)
    assert shares["value"].to_list() == [1.0] * 7
    assert shares["day"].min() == (END - timedelta(days=7)).date()


def test_what_changes_moves_vanishes_and_waits_is_counted_once(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.run(INDEX)
    shop.sell(range(600), at=END)
    told(sales, lake, shop_settings)
    later = END + timedelta(minutes=30)
    shop.sell([59, 58], at=later, amount="99.00")
    shop.sell([118], at=later, email="no address")  # its newer state waits in quarantine
    shop.run("DELETE FROM shop.sales WHERE sale_id = 57")

    found = told(sales, lake, shop_settings)

    assert (found.passed, of(found)) == (True, (7, 69, 69, 69, 0)), found


def test_a_row_that_was_lost_is_told_with_its_day(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.run(INDEX)
    shop.sell(range(600), at=END)
    told(sales, lake, shop_settings)
    shop.sell([659], at=END - timedelta(hours=2))  # committed long after the load had passed its stamp
    shop.sell([660], at=END + timedelta(minutes=30))

    found = told(sales, lake, shop_settings)

    assert not found.passed
    assert "2026-04-29: 11 rows at the source, 10 in bronze, 10 in silver" in found.found


def test_no_table_is_read_whole_for_it(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(60), at=END)  # no index on the cursor

    found = told(sales, lake, shop_settings)

    assert (found.passed, found.found) == (True, "the source was not counted by day")
    bronze = open_table(lake, "bronze/shop/sales")
    assert bronze is not None
    assert last_progress(lake, bronze.key, bronze.version)["days"] is None


def test_keys_that_stand_twice_are_counted_by_their_newest_row(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.run(f"ALTER TABLE shop.sales DROP CONSTRAINT sales_pkey; {INDEX}")
    row = "7, 'p@example.org', NULL, NULL, NULL, 1"
    moments = [(0, END), (1, END - timedelta(hours=1)), (1, END)]
    for back, moment in moments:
        shop.run(
            f"INSERT INTO shop.sales VALUES (1, {row}, '{END - timedelta(days=back + 1)}', '{moment.isoformat()}')"
        )

    found = told(replace(sales, deletes=type(sales.deletes).NEVER), lake, shop_settings)

    assert of(found)[1:] == (1, 1, 1, 0), found
    assert datetime.now(UTC) > END
    silver = open_table(lake, "silver/shop/sales")
    assert silver is not None
    assert rows_across(sales, lake, silver).height
