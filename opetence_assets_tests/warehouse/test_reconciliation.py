"""Every order against every charge: outcomes as the fixture made them, and sums to the cent."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest

from opetence_assets_tests.warehouse.conftest import First
from opetence_assets_tests.warehouse.silver import silver
from opetence_assets_tests.warehouse.systems import OUTCOMES, STRANGER

pytestmark = pytest.mark.dagster


def test_every_exception_has_its_outcome(first: First) -> None:
    cases = first[0].gold("payment_reconciliation")
    outcomes = dict(cases.select("case_id", "outcome").iter_rows())
    for n, order in enumerate(silver()["order_service/orders"].iter_rows(named=True)):
        expected, status = OUTCOMES.get(n % 40), order["status"]
        if status in ("paid", "shipped", "delivered") and expected:
            assert outcomes[order["order_id"]] == expected, n
        elif status == "placed":
            assert outcomes[order["order_id"]] == "not_yet_due", n
        elif status == "cancelled" and n % 2:
            assert outcomes[order["order_id"]] == "cancelled_unpaid", n
    strangers = {case for case, outcome in outcomes.items() if outcome == "unknown_order"}
    assert strangers
    assert {int(case[2:]) % 40 for case in strangers} == {STRANGER}
    found = set(outcomes.values())
    assert found >= {
        "paid_as_ordered",
        "refunded_as_cancelled",
        "refunded_return",
        "refund_missing",
        *OUTCOMES.values(),
    }


def test_what_is_held_is_what_is_owed_but_for_differences(first: First) -> None:
    cases, tables = first[0].gold("payment_reconciliation"), silver()
    sums = cases.select(pl.col(pl.Decimal).sum()).row(0, named=True)
    euros = tables["payments/charges"].filter(pl.col("currency") == "eur", pl.col("status") == "succeeded")
    back = tables["payments/refunds"].filter(pl.col("currency") == "eur")
    assert sums["total"] == tables["order_service/orders"]["total"].sum()
    assert sums["charged"] == Decimal(euros["amount"].sum()) / 100
    assert sums["refunded"] == Decimal(back["amount"].sum()) / 100
    assert sums["charged"] - sums["refunded"] - (sums["total"] - sums["not_owed"]) == sums["difference"] != 0
    fine = cases.filter(pl.col("outcome").is_in(["paid_as_ordered", "refunded_as_cancelled", "refunded_return"]))
    assert set(fine["difference"]) == {Decimal(0)}
    assert cases["charges"].sum() == len(tables["payments/charges"].filter(pl.col("status") == "succeeded"))


def test_attributed_orders_are_all_orders_of_measured_days(first: First) -> None:
    orders, roi = first[0].gold("attribution"), first[0].gold("marketing_roi")
    mine = orders.filter(pl.col("is_measured"), ~pl.col("is_test"), ~pl.col("is_cancelled"))
    assert roi["revenue"].sum() == mine["total"].sum() > 0
    assert {"google", "facebook", "braze", "none"} == set(roi["platform"])
    before = orders.filter(pl.col("ordered_on") < mine["ordered_on"].min())
    assert set(before.select("channel", "is_measured").iter_rows()) == {("unattributed", False)}
