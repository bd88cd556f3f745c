"""kill -9 at steps spread over a load and its refinement, each followed by a run that is left alone."""

from __future__ import annotations

import signal
from datetime import timedelta
from typing import Any

import polars as pl

from opetence_assets.ingestion.bronze import load
from opetence_assets.lake.places import Lake, lake_at
from opetence_assets.lake.tables import open_table
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings
from opetence_assets_tests.kills import context, dying
from opetence_assets_tests.shop import NOON, Shop, sales

KILLS = 8


def taken_up(settings: Settings, kill_at: int, steps: Any) -> None:
    """Loads and refines once; dies at its ``kill_at``-th call of the package."""
    with dying(kill_at, steps):
        lake = lake_at(settings)
        load(sales, lake, settings)
        refine(sales, lake, settings.scratch)


def change(shop: Shop, number: int) -> None:
    """New, changed, refused and deleted rows."""
    at = NOON + timedelta(hours=number + 1)
    shop.sell(range(1000 + number * 10, 1010 + number * 10), at=at)
    shop.sell([number, number + 1], at=at, amount=f"{number}.25")
    shop.sell([2000 + number], at=at, email="nobody")
    shop.run(f"DELETE FROM shop.sales WHERE sale_id = {500 + number}")


def test_nothing_is_lost_or_doubled_wherever_it_dies(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    forked = context()

    def run(kill_at: int) -> int:
        steps = forked.Value("i", 0)
        child = forked.Process(target=taken_up, args=(shop_settings, kill_at, steps))
        child.start()
        child.join()
        assert child.exitcode == (-signal.SIGKILL if kill_at else 0)
        return steps.value

    shop.sell(range(600))
    run(0)
    change(shop, 0)
    steps = run(0)
    for number in range(1, KILLS + 1):
        change(shop, number)
        run(max(1, steps * number // (KILLS + 1)))
        run(0)
        _agrees(shop, lake, refused=number + 1)


def _agrees(shop: Shop, lake: Lake, refused: int) -> None:
    tables = [open_table(lake, f"{zone}/shop/sales") for zone in ("bronze", "silver", "quarantine")]
    bronze, silver, quarantine = (table.scan().collect() for table in tables if table is not None)
    count, total = shop.ask("SELECT count(*), sum(amount)::text FROM shop.sales WHERE email LIKE '%@%'")[0]
    assert (len(silver), str(silver["amount"].sum())) == (count, total)
    assert silver["sale_id"].is_unique().all()
    assert quarantine["sale_id"].n_unique() == len(quarantine) == refused
    arrived = bronze.drop("_sealed", "_load_id", "_loaded_at")
    assert arrived.filter(~pl.col("_deleted")).is_unique().all()
