"""Rows of payments as the objects of Stripe's API."""

from __future__ import annotations

import polars as pl

from sandbox.company.shelf import Thing
from sandbox.payments import CLOSED, REVIEWED, SECOND, charges, customers, disputes, payouts, refunds
from sandbox.story import DAY, Story

API_VERSION = "2025-03-31.basil"
EVENTS_KEPT = 30  # days
KINDS = ("customer.created", "charge.succeeded", "charge.failed", "charge.refunded", "refund.created", "payout.paid")
KINDS = (*KINDS, "charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed", "payout.created")
STATUS_THEN = {
    "charge.dispute.created": "needs_response",
    "charge.dispute.updated": "under_review",
    "payout.created": "in_transit",
}
DAY_SECONDS = DAY // SECOND


def charge_objects(rows: pl.DataFrame) -> list[Thing]:
    return [_charge(row) for row in rows.iter_rows(named=True)]


def _charge(row: Thing) -> Thing:
    failed = row["status"] == "failed"
    return {
        "id": row["id"],
        "object": "charge",
        "amount": row["amount"],
        "amount_refunded": row["amount_refunded"],
        "balance_transaction": None if failed else "txn_3" + row["id"][4:],
        "billing_details": {"email": row["email"], "name": row["name"]},
        "created": row["created"],
        "currency": row["currency"],
        "customer": row["customer"],
        "disputed": row["disputed"],
        "failure_code": row["failure_code"],
        "livemode": False,
        "metadata": {"order_id": row["order_id"]},
        "paid": not failed,
        "payment_method_details": {
            "card": {"brand": row["brand"], "country": row["country"], "last4": row["last4"]},
            "type": "card",
        },
        "refunded": row["amount_refunded"] > 0 and row["amount_refunded"] == row["amount"],
        "status": row["status"],
    }


def refund_objects(rows: pl.DataFrame) -> list[Thing]:
    return [
        {
            "id": row["id"],
            "object": "refund",
            "amount": row["amount"],
            "charge": row["charge"],
            "created": row["created"],
            "currency": row["currency"],
            "metadata": {
                "order_id": row["order_id"],
                "return_id": None if row["return_id"] is None else str(row["return_id"]),
            },
            "reason": "requested_by_customer",
            "status": "succeeded",
        }
        for row in rows.iter_rows(named=True)
    ]


def dispute_objects(rows: pl.DataFrame) -> list[Thing]:
    fields = ("amount", "charge", "created", "currency", "reason", "status")
    return [
        {"id": row["id"], "object": "dispute", **{name: row[name] for name in fields}, "livemode": False}
        for row in rows.iter_rows(named=True)
    ]


def payout_objects(rows: pl.DataFrame) -> list[Thing]:
    return [
        {
            "id": row["id"],
            "object": "payout",
            "amount": row["amount"],
            "arrival_date": row["arrival"],
            "created": row["created"],
            "currency": "eur",
            "livemode": False,
            "status": row["status"],
        }
        for row in rows.iter_rows(named=True)
    ]


def customer_objects(rows: pl.DataFrame) -> list[Thing]:
    return [
        {
            "id": row["id"],
            "object": "customer",
            "created": row["created"],
            "email": row["email"],
            "livemode": False,
            "metadata": {"user_id": str(row["user"] + 1)},
            "name": row["name"],
        }
        for row in rows.iter_rows(named=True)
    ]


def events(story: Story) -> pl.DataFrame:
    """What happened in the last 30 days, newest first: id, created (s), type and of which object (``of``)."""
    charged, back, disputed, paid_out = charges(story), refunds(story), disputes(story), payouts(story)
    created = pl.col("created")
    told = (
        ("customer.created", customers(story), "id", created),
        ("charge.succeeded", charged.filter(pl.col("status") == "succeeded"), "id", created),
        ("charge.failed", charged.filter(pl.col("status") == "failed"), "id", created),
        ("charge.refunded", back, "charge", created),
        ("refund.created", back, "id", created),
        ("payout.created", paid_out, "id", created),
        ("payout.paid", paid_out, "id", pl.col("arrival")),
        ("charge.dispute.created", disputed, "id", created),
        ("charge.dispute.updated", disputed, "id", created + REVIEWED * DAY_SECONDS),
        ("charge.dispute.closed", disputed, "id", created + CLOSED * DAY_SECONDS),
    )
    frames = [
        frame.select(
            id=pl.lit(f"evt_{KINDS.index(kind) + 1}") + pl.col(of).str.split("_").list.last(),
            created=at,
            type=pl.lit(kind),
            of=pl.col(of),
        )
        for kind, frame, of, at in told
    ]
    since, now = (story.now - EVENTS_KEPT * DAY) // SECOND, story.now // SECOND
    kept = pl.concat(frames).filter((pl.col("created") >= since) & (pl.col("created") < now))
    return kept.sort(["created", "id"], descending=True)


def event_objects(story: Story, rows: pl.DataFrame) -> list[Thing]:
    """Events with their object as it was then."""
    objects: dict[str, Thing] = {}
    for table, shaped in (
        (charges, charge_objects),
        (refunds, refund_objects),
        (payouts, payout_objects),
        (disputes, dispute_objects),
        (customers, customer_objects),
    ):
        found = table(story).filter(pl.col("id").is_in(rows["of"].implode()))
        objects.update((thing["id"], thing) for thing in shaped(found))
    return [
        {
            "id": row["id"],
            "object": "event",
            "api_version": API_VERSION,
            "created": row["created"],
            "data": {"object": _as_it_was(objects[row["of"]], row["type"])},
            "livemode": False,
            "type": row["type"],
        }
        for row in rows.iter_rows(named=True)
    ]


def _as_it_was(thing: Thing, kind: str) -> Thing:
    if kind == "charge.succeeded":
        return {**thing, "amount_refunded": 0, "refunded": False, "disputed": False}
    then = STATUS_THEN.get(kind)
    return thing if then is None else {**thing, "status": then}
