"""What the systems around the shop know of its orders, after refinement: payments, support, visits, clicks, reviews."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from opetence_assets.datasets import all_datasets
from opetence_assets.refinement.shape import table_types

Rows = list[dict[str, Any]]
TABLES = (
    *("payments/charges", "payments/customers", "payments/refunds", "payments/disputes", "payments/payouts"),
    *("support/tickets", "support/ticket_comments", "support/satisfaction_ratings", "web/sessions", "catalog/reviews"),
    *("clickstream/page_views", "clickstream/add_to_cart"),
    *("partners/google_ads", "partners/braze_campaigns", "partners/marketing_budget"),
)
OUTCOMES = {7: "charged_twice", 11: "other_amount", 15: "no_charge", 19: "other_currency"}  # by number, of forty
FAILED_FIRST, STRANGER = 23, 27
ORIGINS = (
    *(("google", "cpc", "G1"), ("facebook", "paid_social", "c1"), ("braze", "email", "B1")),
    *(("google", "organic", None), ("(direct)", "(none)", None)),
)


def schemas() -> dict[str, dict[str, pl.DataType]]:
    """The columns of these tables, as declared."""
    by_name = {f"{dataset.feed.system}/{dataset.feed.name}": dataset for dataset in all_datasets()}
    types = {name: dict(table_types(by_name[name])) for name in TABLES}
    return {name: {column: kind for column, kind in of.items() if column != "_version"} for name, of in types.items()}


def system_rows(orders: Rows, returns: Rows) -> dict[str, Rows]:
    """The rows of every table of ``TABLES``, told from the shop's orders and returns."""
    return payment_rows(orders, returns) | support_rows(orders) | web_rows(orders) | campaign_rows(orders)


def payment_rows(orders: Rows, returns: Rows) -> dict[str, Rows]:
    """A charge for each order that was paid, but for a few of each kind of exception."""
    charges: Rows = []
    for n, order in enumerate(orders):
        if order["status"] == "placed" or (order["status"] == "cancelled" and n % 2):
            continue
        charges += _charges(n, order)
    refunds = [
        _refund(charge, charge["amount"], None)
        for charge in charges
        if _status_of(orders, charge["order_id"]) == "cancelled" and charge["status"] == "succeeded"
    ]
    first = {charge["order_id"]: charge for charge in charges if charge["charge_id"].endswith("_0")}
    for back in returns:
        if back["return_id"] % 4 and back["order_id"] in first:
            refunds.append(_refund(first[back["order_id"]], 150, back["return_id"]))
    users = {order["user_id"] for order in orders}
    disputed = charges[30]
    dispute = {name: disputed[name] for name in ("charge_id", "amount", "currency", "created_at", "changed_at")}
    payout = {"currency": "eur", "status": "paid", "created_at": disputed["created_at"]}
    return {
        "payments/charges": charges,
        "payments/customers": [{"customer_id": f"cus_{user}", "user_id": user} for user in users],
        "payments/refunds": refunds,
        "payments/disputes": [dispute | {"dispute_id": "dp_1", "reason": "fraudulent", "status": "lost"}],
        "payments/payouts": [payout | {"payout_id": "po_1", "amount": 12_345, "arrives_at": disputed["created_at"]}],
    }


def _charges(n: int, order: dict[str, Any]) -> Rows:
    kind, cents = n % 40, int(order["total"] * 100)
    at = order["ordered_at"] + timedelta(minutes=10)
    charge = {
        "charge_id": f"ch_{n}_0", "customer_id": f"cus_{order['user_id']}", "order_id": order["order_id"],
        "amount": cents, "amount_refunded": 0, "currency": "eur", "status": "succeeded", "is_disputed": False,
        "created_at": at, "changed_at": at,
    }  # fmt: skip
    if OUTCOMES.get(kind) == "no_charge":
        return []
    if OUTCOMES.get(kind) == "charged_twice":
        return [charge, charge | {"charge_id": f"ch_{n}_1", "created_at": at + timedelta(days=1)}]
    if OUTCOMES.get(kind) == "other_amount":
        return [charge | {"amount": cents + 1}]
    if OUTCOMES.get(kind) == "other_currency":
        return [charge | {"amount": cents * 2, "currency": "jpy"}]
    if kind == FAILED_FIRST:
        return [charge, charge | {"charge_id": f"ch_{n}_2", "status": "failed", "created_at": order["ordered_at"]}]
    if kind == STRANGER:
        return [charge, charge | {"charge_id": f"ch_{n}_3", "order_id": f"O9{n:09}"}]
    return [charge]


def _refund(charge: dict[str, Any], amount: int, return_id: int | None) -> dict[str, Any]:
    at = charge["created_at"] + timedelta(days=2)
    back = {name: charge[name] for name in ("charge_id", "order_id", "currency")}
    told = {"amount": min(amount, charge["amount"]), "status": "succeeded", "created_at": at, "changed_at": at}
    return back | told | {"refund_id": charge["charge_id"].replace("ch", "re"), "return_id": return_id}


def _status_of(orders: Rows, order_id: str) -> str | None:
    return next((order["status"] for order in orders if order["order_id"] == order_id), None)


def support_rows(orders: Rows) -> dict[str, Rows]:
    """A ticket about every tenth order; asked, noted, answered, and every second one solved and rated."""
    tickets, comments, ratings = [], [], []
    for n, order in list(enumerate(orders))[::10]:
        at, solved = order["ordered_at"] + timedelta(hours=3), n % 20 == 0
        user = {"ticket_id": n, "user_id": order["user_id"], "order_id": order["order_id"]}
        status = {"status": "solved" if solved else "open", "channel": "web", "created_at": at, "updated_at": at}
        tickets.append(user | status)
        for nth, (author, public) in enumerate(((5000 + n, True), (41, False), (42, True))):
            said = {"author_id": author, "is_public": public, "created_at": at + timedelta(minutes=7 * nth)}
            comments.append(said | {"comment_id": n * 10 + nth, "ticket_id": n})
        if solved:
            rated = {"created_at": at + timedelta(days=1), "updated_at": at + timedelta(days=2)}
            score = "good" if n % 40 else "bad"
            ratings.append(rated | {"rating_id": n, "ticket_id": n, "requester_id": 5000 + n, "score": score})
    return {"support/tickets": tickets, "support/ticket_comments": comments, "support/satisfaction_ratings": ratings}


def web_rows(orders: Rows) -> dict[str, Rows]:
    """Visits of the second half of the story: four of five orders have one, and there is one without an order each."""
    sessions, views, carts, reviews = [], [], [], []
    for n, order in list(enumerate(orders))[len(orders) // 2 :]:
        at: datetime = order["ordered_at"]
        for nth, order_id in enumerate((order["order_id"] if n % 5 else None, None)):
            source, medium, campaign = ORIGINS[(n + nth) % len(ORIGINS)]
            visit = {"date": at.date(), "session_id": f"{n}{nth}", "source": source, "medium": medium}
            counted = {"device": "mobile", "events": 5, "engaged": True, "engaged_seconds": 60, "thresholded": False}
            sessions.append(visit | counted | {"campaign_id": campaign, "order_id": order_id})
        if n >= len(orders) - 12:
            event = {"session_id": f"{n}0", "user_id": order["user_id"], "occurred_at": at, "sent_at": at}
            views.append(event | {"event_id": f"p{n}", "url": f"https://shop.example/product/{1 + n % 5}"})
            carts.append(event | {"event_id": f"a{n}", "product_id": 1 + n % 5, "quantity": 1})
        if order["status"] == "delivered":
            of = {"product_id": 1 + n % 5, "user_id": order["user_id"], "order_id": order["order_id"]}
            told = {"rating": 1 + n % 5, "status": "published" if n % 3 else "removed"}
            reviews.append(of | told | {"review_id": f"R{n:010}", "created_at": at, "updated_at": at})
    return {
        "web/sessions": sessions, "catalog/reviews": reviews,
        "clickstream/page_views": views, "clickstream/add_to_cart": carts,
    }  # fmt: skip


def campaign_rows(orders: Rows) -> dict[str, Rows]:
    """What two more platforms cost in the last ten days, and three budgets."""
    days = sorted({order["ordered_at"].date() for order in orders})[-10:]
    ad = {"campaign_id": "G1", "campaign_name": "Search", "impressions": 500, "clicks": 20, "currency": "EUR"}
    letter = {"campaign_id": "B1", "campaign_name": "News", "sent": 90, "delivered": 80, "opens": 40, "clicks": 4}
    return {
        "partners/google_ads": [ad | {"date": day, "spend": Decimal("9.99")} for day in days],
        "partners/braze_campaigns": [
            letter | {"sent_on": day, "cost": Decimal("0.81"), "currency": "EUR", "unsubscribes": 0} for day in days
        ],
        "partners/marketing_budget": [
            {"month": days[-1].replace(day=1), "channel": channel, "budget": Decimal("100.00")}
            for channel in ("facebook", "google", "braze")
        ],
    }
