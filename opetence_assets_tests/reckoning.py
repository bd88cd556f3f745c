"""What the story says became of every order's money, to be compared with what gold's reconciliation found out."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl

import sandbox
from opetence_assets.lake.places import Lake
from opetence_assets.lake.queries import query
from opetence_assets.lake.releases import current_release
from sandbox.orders import how_many_orders, order_ids, orders, returns
from sandbox.payments import FAILED, SECOND, STRANGER, charges, exception_of, refunds
from sandbox.story import DAY, Story

OTHER_AMOUNT, OTHER_CURRENCY = 2, 3  # as `sandbox.payments.exception_of` numbers them
FOUND = (
    "SELECT outcome, count(*) AS n, sum(charged) AS charged, sum(refunded) AS refunded, sum(difference) AS difference,"
    " sum(total - not_owed) AS owed FROM gold.payment_reconciliation GROUP BY 1"
)


def payment_differences(home: Path, lake: Lake) -> list[str]:
    """Outcomes that gold and the story count differently, and sums of euros that are not the story's."""
    story, release = sandbox.told(home), current_release(lake)
    assert story is not None
    assert release is not None
    rows = query(lake, release, FOUND).to_pylist()
    found, told = {row["outcome"]: row["n"] for row in rows}, outcomes(story)
    apart = [
        f"payments {name}: {found.get(name, 0)} in gold, {told[name]} in the story"
        for name in sorted(found.keys() | told.keys())
        if found.get(name, 0) != told[name]
    ]
    sums = {name: sum((row[name] for row in rows), Decimal()) for name in ("charged", "refunded", "owed", "difference")}
    taken = charges(story).filter(pl.col("status") == "succeeded")
    for name, of in (("charged", taken), ("refunded", refunds(story))):
        euros = Decimal(of.filter(pl.col("currency") == "eur")["amount"].sum()) / 100
        if sums[name] != euros:
            apart.append(f"payments {name}: {sums[name]} in gold, {euros} in the story")
    if sums["charged"] - sums["refunded"] - sums["owed"] != sums["difference"]:
        apart.append(f"payments: differences do not add up: {sums}")
    return apart


def outcomes(story: Story) -> Counter[str]:
    """How many orders and charges the story has of each outcome."""
    number = np.arange(how_many_orders(story, story.now), dtype=np.int64)
    shop = orders(story, number, story.now)
    tried, given = charges(story), refunds(story)
    moments = [shop["updated_at"].dt.epoch("us").max(), *(of["created"].max() * SECOND for of in (tried, given))]
    back = returns(story, number, story.now)
    known = pl.col("order_id") == order_ids(back["return_id"].to_numpy() - 1)  # of a few the shop lost the order
    cases = (
        shop.select("order_id", "status", updated=pl.col("updated_at").dt.epoch("us"))
        .with_columns(number=pl.col("order_id").str.tail(10).cast(pl.Int64) - 1)
        .join(_attempts(tried), on="number", how="left")
        .join(given.select(number="order", refunded=True), on="number", how="left")
        .join(
            back.select(number=pl.col("return_id") - 1, is_known=known, returned=pl.col("returned_at").dt.epoch("us")),
            on="number",
            how="left",
        )
    )
    kinds = exception_of(story, cases["number"].to_numpy())
    rows = cases.with_columns(kind=pl.Series(kinds)).iter_rows(named=True)
    strangers = int((tried["role"] == STRANGER).sum())
    return Counter(_outcome(row, max(moments)) for row in rows) + Counter(unknown_order=strangers)  # type: ignore[type-var]


def _attempts(tried: pl.DataFrame) -> pl.DataFrame:
    own = tried.filter(pl.col("role") != STRANGER)
    failed = pl.col("role") == FAILED
    return own.group_by(number="order").agg(failed=failed.sum(), succeeded=(~failed).sum())


def _outcome(case: dict[str, int], until: int) -> str:
    cancelled = case["status"] == "cancelled"
    if not case["succeeded"]:
        if cancelled:
            return "cancelled_unpaid"
        if case["failed"]:
            return "failed_only"
        return "not_yet_due" if case["status"] == "placed" else "no_charge"
    exception = {OTHER_AMOUNT: "other_amount", OTHER_CURRENCY: "other_currency"}.get(case["kind"])
    if case["succeeded"] > 1 or exception:
        return exception or "charged_twice"
    if not cancelled and (case["returned"] is None or not (case["is_known"] or case["refunded"])):
        return "paid_as_ordered"
    if case["refunded"]:
        return "refunded_as_cancelled" if cancelled else "refunded_return"
    due = case["updated"] + 3 * DAY if cancelled else case["returned"] + 5 * DAY
    return "refund_missing" if due < until else "refund_pending"
