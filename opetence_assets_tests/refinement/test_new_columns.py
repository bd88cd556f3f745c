"""A column that is declared later: what the source has in it arrives by a reload, what it had not stays null."""

from __future__ import annotations

from dataclasses import replace

import pandera.polars as pa
import polars as pl
import pytest

from opetence_assets.checks.quality import quality_results
from opetence_assets.dataset import Dataset, Pii
from opetence_assets.ingestion.bronze import Request, load
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import open_table
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings
from opetence_assets_tests.shop import NOON, Sale, Shop, history, sales

GROW = "ALTER TABLE shop.sales ADD COLUMN score bigint, ADD COLUMN handle text"


class Grown(Sale):
    score: pl.Int64 = pa.Field(nullable=True, ge=0)
    handle: pl.String = pa.Field(nullable=True, str_matches=r"@", metadata={"pii": Pii.HASH})


def taken_up(dataset: Dataset, lake: Lake, settings: Settings, request: Request | None = None) -> pl.DataFrame:
    load(dataset, lake, settings, request)
    refine(dataset, lake, settings.scratch)
    silver = open_table(lake, dataset.table("silver"))
    assert silver is not None
    failed = [result.found for result in quality_results(dataset, silver) if not result.passed]
    assert failed == []
    return silver.scan().collect().sort("sale_id")


@pytest.mark.parametrize("before", [sales, history], ids=["newest state", "history"])
def test_a_column_declared_later_is_filled_by_a_reload(
    before: Dataset, shop: Shop, lake: Lake, shop_settings: Settings
) -> None:
    shop.sell(range(5))
    taken_up(before, lake, shop_settings)
    shop.run(GROW)
    shop.sell([2], at=NOON.replace(hour=20))
    shop.run("UPDATE shop.sales SET score = 3, handle = '@two' WHERE sale_id = 2")
    taken_up(before, lake, shop_settings)

    rows = taken_up(replace(before, schema=Grown), lake, shop_settings, Request(full=True))

    newest = rows.filter(pl.col("is_current")) if before.history else rows
    assert newest["score"].to_list() == [None, None, 3, None, None]
    assert newest["handle_hash"].is_not_null().to_list() == [False, False, True, False, False]


def test_a_column_without_any_value_is_in_silver_without_a_reload(
    shop: Shop, lake: Lake, shop_settings: Settings
) -> None:
    shop.sell(range(3))
    taken_up(sales, lake, shop_settings)
    shop.run(GROW)

    rows = taken_up(replace(sales, schema=Grown), lake, shop_settings)

    assert rows["score"].to_list() == [None] * 3
