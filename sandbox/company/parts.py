"""What each system serves of a story, by name; of no story yet, nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from sandbox import catalog, marketing, payments, support, web
from sandbox.company import stripe_objects, zendesk_objects
from sandbox.company.shelf import Shelf, Thing, shelf_of
from sandbox.story import Story

Made = Callable[[Story], Any]


def made(story: Story | None, name: str) -> Any:
    """The part of this name."""
    if story is not None:
        return MAKERS[name](story)
    system = name.partition("/")[0]
    if name == "web/sessions":
        return pl.DataFrame()
    if system == "catalog":
        return []
    return b"Month,Channel,Budget,Owner" if system == "marketing" else shelf_of([], newest_first=system == "payments")


def _shelf(
    frame: pl.DataFrame, objects: Callable[[pl.DataFrame], list[Thing]], at: str = "created", newest_first: bool = False
) -> Shelf:
    return Shelf(
        frame["id"].to_list(),
        frame[at].to_numpy(),
        lambda low, high: objects(frame[low:high]),
        newest_first,
    )


def _payments(frame: Callable[[Story], pl.DataFrame], objects: Callable[[pl.DataFrame], list[Thing]]) -> Made:
    return lambda story: _shelf(frame(story), objects, newest_first=True)


def _events(story: Story) -> Shelf:
    events = stripe_objects.events(story)
    return _shelf(events, lambda rows: stripe_objects.event_objects(story, rows), newest_first=True)


MAKERS: dict[str, Made] = {
    "payments/charges": _payments(payments.charges, stripe_objects.charge_objects),
    "payments/refunds": _payments(payments.refunds, stripe_objects.refund_objects),
    "payments/disputes": _payments(payments.disputes, stripe_objects.dispute_objects),
    "payments/payouts": _payments(payments.payouts, stripe_objects.payout_objects),
    "payments/customers": _payments(payments.customers, stripe_objects.customer_objects),
    "payments/events": _events,
    "support/tickets": lambda story: _shelf(support.tickets(story), zendesk_objects.ticket_objects, "generated"),
    "support/ticket_events": lambda story: _shelf(support.ticket_events(story), zendesk_objects.event_objects, "at"),
    "support/satisfaction_ratings": lambda story: _shelf(
        support.ratings(story), zendesk_objects.rating_objects, "updated"
    ),
    "web/sessions": web.sessions,
    "marketing/budget": marketing.marketing_budget,
    "catalog/product_documents": catalog.product_documents,
    "catalog/reviews": catalog.reviews,
}
