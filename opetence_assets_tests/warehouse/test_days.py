"""A day that gold lost, kept or doubled is found, named and counted; nobody reads it."""

from __future__ import annotations

import json
from datetime import date

import polars as pl
import pytest

from opetence_assets.warehouse.days import compared_by_day
from opetence_assets.warehouse.publish import ChecksFailed, publish
from opetence_assets_tests.warehouse.conftest import First, Warehouse
from opetence_assets_tests.warehouse.silver import silver

pytestmark = pytest.mark.dagster
LEFT, LOST = date(2026, 1, 20), date(2026, 2, 3)


def of_day(rows: pl.DataFrame, column: str, day: date) -> pl.Series:
    return rows[column].dt.convert_time_zone("Europe/Berlin").dt.date() == day


def test_every_daily_table_is_compared_with_what_it_is_made_from(first: First) -> None:
    warehouse, told = first
    pairs = compared_by_day(json.loads(warehouse.settings.manifest.read_bytes()))

    by_hand = {("gold/fct_orders", "silver/order_service/orders"), ("gold/fct_ad_spend", "silver/partners/google_ads")}
    assert by_hand <= {(table, source) for table, source, _ in pairs}
    compared = {table.removeprefix("gold/") for table, _, _ in pairs}
    facts = {name for name, model in told.models.items() if name.startswith("fct_") and model.published}
    assert facts - compared == {"fct_payouts"}, "a payout has no day of its own"
    assert all(owner.startswith("team:") for _, _, owner in pairs)


def test_a_day_that_differs_is_named_and_stays_out_of_every_release(warehouse: Warehouse) -> None:
    """Rows go and come in silver without a word of it in its log: what was built of them before is wrong now."""
    orders, shipments = silver()["order_service/orders"], silver()["logistics_service/shipments"]
    lost = shipments.filter(of_day(shipments, "shipped_at", LOST))
    twice = pl.concat([shipments, lost.with_columns(pl.col("shipment_id") + 100_000)])
    warehouse.put(
        {
            "order_service/orders": orders.filter(~of_day(orders, "ordered_at", LEFT)),
            "logistics_service/shipments": twice,
        }
    )
    before = warehouse.released

    with warehouse.built() as made, pytest.raises(ChecksFailed, match=f"{LEFT}: 3 rows where its source has 0"):
        publish(made, warehouse.lake, others={})

    failed = {run.name: run for run in made.check_runs if run.status == "fail"}
    in_silver, in_gold = 2 * len(lost), len(lost)
    assert failed["completeness_of_fct_orders"].failures == 1
    assert f"; {LEFT}: 3 rows where its source has 0" in failed["completeness_of_fct_orders"].message
    said = f"; {LOST}: {in_gold} rows where its source has {in_silver}"
    assert failed["completeness_of_fct_shipments"].message.endswith(said)
    counted = made.counted.filter(pl.col("table") == "gold/fct_shipments")
    assert counted.filter(day=LOST).select("gold_rows", "silver_rows").row(0) == (in_gold, in_silver)
    assert counted.filter(pl.col("gold_rows") != pl.col("silver_rows"))["day"].to_list() == [LOST]
    assert warehouse.released == before
