"""Drift is a failing check until it is declared, whichever load brought it."""

from __future__ import annotations

from dataclasses import replace

from opetence_assets.checks.arrival import arrival_results, open_drift
from opetence_assets.ingestion.bronze import load
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import open_table
from opetence_assets.settings import Settings
from opetence_assets_tests.shop import NOON, Shop, sales


def test_a_new_column_stays_reported_when_later_loads_bring_nothing_in_it(
    shop: Shop, lake: Lake, shop_settings: Settings
) -> None:
    shop.sell([1])
    shop.run("ALTER TABLE shop.sales ADD COLUMN nickname text")
    load(sales, lake, shop_settings)
    shop.sell([2], at=NOON.replace(hour=20))
    load(sales, lake, shop_settings)
    bronze = open_table(lake, "bronze/shop/sales")
    assert bronze is not None

    (result,) = arrival_results(sales, lake, bronze, ())

    assert not result.passed
    assert "nickname since 20" in result.found
    declared = replace(sales, schema=type("Sale", (sales.schema,), {"__annotations__": {"nickname": str}}))
    assert open_drift(declared, lake) == []
