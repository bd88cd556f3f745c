"""Payments against the shop's own orders: what agrees, and the declared exceptions in their declared share."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from opetence_assets_tests.sandbox.database import told
from sandbox import payments
from sandbox.load import all_tables
from sandbox.orders import how_many_orders, life
from sandbox.story import Story
from sandbox.table import moment

STORY = Story(11, 0.5, date(2025, 6, 1))
TABLES = {table.name.split(".")[1]: table for table in all_tables()}
SECONDS = pl.col("created") * 1_000_000


@pytest.fixture(scope="module")
def charges() -> pl.DataFrame:
    return payments.charges(STORY)


@pytest.fixture(scope="module")
def orders() -> pl.DataFrame:
    """The shop's orders with the moment of their payment."""
    number = np.arange(how_many_orders(STORY, STORY.now), dtype=np.int64)
    paid = pl.DataFrame({"number": number, "paid": life(STORY, number).paid})
    rows = told(STORY, TABLES["orders"]).with_columns(number=pl.col("order_id").str.slice(1).cast(pl.Int64) - 1)
    return rows.join(paid, on="number").with_columns(cents=(pl.col("total") * 100).cast(pl.Int64))


def test_the_exceptions_are_disjoint_and_in_their_share(charges: pl.DataFrame, orders: pl.DataFrame) -> None:
    paid = orders.filter(pl.col("paid") < STORY.now)
    of = charges.group_by("order_id").agg(
        failed=(pl.col("status") == "failed").sum(),
        many=(pl.col("status") == "succeeded").sum(),
        amount=pl.col("amount").filter(pl.col("status") == "succeeded").first(),
        paid_in=pl.col("currency").first(),
    )
    both = paid.join(of, on="order_id", how="left")
    marks = both.select(
        missing=pl.col("many").is_null(),
        twice=pl.col("many") == 2,
        foreign=pl.col("paid_in") != "eur",
        off=(pl.col("paid_in") == "eur") & (pl.col("amount") != pl.col("cents")),
        failed=pl.col("failed") > 0,
    ).with_columns(pl.all().fill_null(False))
    assert marks.select(pl.sum_horizontal(pl.all().cast(pl.Int64)).max()).item() == 1
    shares = marks.mean().row(0, named=True)
    declared = {"missing": 0.005, "twice": 0.004, "off": 0.01, "foreign": 0.002, "failed": 0.03}
    assert shares == {name: pytest.approx(share, abs=0.0006) for name, share in declared.items()}
    off = both.filter(marks["off"]).select((pl.col("amount") - pl.col("cents")).abs())["amount"]
    assert 1 <= off.min() <= off.max() <= 500
    strangers = charges.join(orders, on="order_id", how="anti")
    assert len(strangers) / len(paid) == pytest.approx(0.003, abs=0.0006)


def test_an_order_is_charged_when_it_is_paid(charges: pl.DataFrame, orders: pl.DataFrame) -> None:
    main = charges.filter(pl.col("role") == payments.MAIN).join(orders, on="order_id")
    assert main.select((pl.col("created") == pl.col("paid") // 1_000_000).all()).item()
    assert set(main["status_right"]) <= {"paid", "shipped", "delivered", "cancelled"}
    assert charges.select((STORY.now > SECONDS).all()).item()
    assert charges["id"].is_unique().all()
    assert charges.filter(pl.col("currency") == "jpy").select(pl.col("amount").min()).item() > 500
    known = main.filter(pl.col("customer").is_not_null())
    assert known.select((pl.col("customer").str.slice(-10).cast(pl.Int64) == pl.col("user_id")).all()).item()


def test_refunds_give_back_cancellations_and_returns(charges: pl.DataFrame, orders: pl.DataFrame) -> None:
    refunds = payments.refunds(STORY)
    assert refunds["order_id"].is_unique().all()
    returned = refunds.filter(pl.col("return_id").is_not_null()).join(told(STORY, TABLES["returns"]), on="return_id")
    usual = returned.filter(pl.col("currency") == "eur")
    exact = usual.select((pl.col("amount") == (pl.col("refund_amount") * 100).cast(pl.Int64)).mean()).item()
    assert exact > 0.98  # a charge that was too low limits what is given back
    assert returned.select((SECONDS.cast(pl.Datetime("us", "UTC")) >= pl.col("returned_at").dt.truncate("1s")).all())[
        0, 0
    ]
    cancelled = refunds.filter(pl.col("return_id").is_null()).join(orders, on="order_id")
    assert set(cancelled["status"]) == {"cancelled"}
    back = charges.join(refunds, left_on="id", right_on="charge")
    assert back.select((pl.col("amount_refunded") == pl.col("amount_right")).all()).item()
    assert charges["amount_refunded"].sum() == refunds["amount"].sum()
    old = orders.filter(
        (pl.col("status") == "cancelled")
        & (pl.col("paid") < STORY.now)
        & (pl.col("updated_at") < moment(STORY.now - 3 * 86_400_000_000))
    )
    never = old.join(refunds, on="order_id", how="anti")
    assert 1 - len(never) / len(old) == pytest.approx(0.965, abs=0.02)  # 3 %, and those never charged


def test_payouts_are_what_a_day_came_to(charges: pl.DataFrame) -> None:
    payouts = payments.payouts(STORY)
    assert len(payouts) >= 363
    day = payouts.row(100, named=True)
    low = day["created"] - 30 * 3_600
    within = pl.col("created").is_between(low, low + 86_400, closed="left") & (pl.col("currency") == "eur")
    taken = charges.filter(within & (pl.col("status") == "succeeded"))["amount"].sum()
    given = payments.refunds(STORY).filter(within)["amount"].sum()
    assert day["amount"] == taken - given
    assert set(payouts["status"]) == {"paid", "in_transit"}


def test_disputes_and_customers(charges: pl.DataFrame, orders: pl.DataFrame) -> None:
    disputes = payments.disputes(STORY)
    assert len(disputes) / len(charges) == pytest.approx(0.003, abs=0.0005)
    assert set(charges.filter("disputed")["id"]) == set(disputes["charge"])
    assert set(disputes["status"]) >= {"under_review", "won", "lost"}
    customers = payments.customers(STORY)
    assert customers["id"].is_unique().all()
    assert set(charges["customer"].drop_nulls()) <= set(customers["id"])


def test_the_next_day_adds_and_changes_but_never_rewrites(charges: pl.DataFrame) -> None:
    after = payments.charges(replace(STORY, ticks=1))
    both = charges.join(after, on="id", how="left", suffix="_after")
    same = ("created", "amount", "order_id", "status", "customer", "last4")
    assert both.select(
        pl.all_horizontal(pl.col(name).eq_missing(pl.col(name + "_after")) for name in same).all()
    ).item()
    assert both.select((pl.col("amount_refunded") != pl.col("amount_refunded_after")).sum()).item() > 0
    new = after.join(charges, on="id", how="anti")
    assert len(new) > 100
    assert new.select((STORY.now // 1_000_000 * 1_000_000 <= SECONDS).all()).item()
