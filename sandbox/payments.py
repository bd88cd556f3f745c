"""Payments as the payment provider sees them: charges, refunds, payouts, disputes, and customers who pay.

An order that was paid has one charge at that moment of its total. Which orders are exceptions follows from their
number, so that an exception is never two things at once. Money is in the smallest unit of its currency.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import polars as pl

from sandbox import words as w
from sandbox.chance import Bools, Ints, chance, circle, pick, whole
from sandbox.orders import (
    NOBODY,
    ORPHAN,
    Life,
    buyer,
    how_many_orders,
    life,
    order_ids,
    order_totals,
    returns,
)
from sandbox.people import registered, users
from sandbox.story import DAY, HOUR, MINUTE, NEVER, Story
from sandbox.table import digits, words

SECOND = 1_000_000
# Ends of the slices of a circle: orders whose payment is not one charge of their total.
NO_CHARGE, TWICE, OTHER_AMOUNT, OTHER_CURRENCY, FAILED_FIRST, UNKNOWN_ORDER = 0.005, 0.009, 0.019, 0.021, 0.051, 0.054
DISPUTED = 0.003
NEVER_REFUNDED_CANCELLATION, NEVER_REFUNDED_RETURN = 0.03, 0.01
CURRENCIES = ("eur", "usd", "jpy")
PER_EURO = np.array([100, 108, 160])  # cents, cents and whole yen
BRANDS = ("visa", "mastercard", "amex")
FAILURES = ("card_declined", "insufficient_funds", "expired_card")
MAIN, AGAIN, FAILED, STRANGER = range(4)  # what a charge is to its order
REVIEWED, CLOSED = 7, 40  # days after a dispute was opened
DISPUTE_REASONS = ("fraudulent", "product_not_received", "product_unacceptable", "duplicate")


def exception_of(story: Story, order: Ints) -> Ints:
    """Which exception an order's payment is: 0 no charge, 1 twice, 2 amount, 3 currency, 4 failed first, 5 a stranger
    beside it, 6 none."""
    ends = np.array([NO_CHARGE, TWICE, OTHER_AMOUNT, OTHER_CURRENCY, FAILED_FIRST, UNKNOWN_ORDER])
    return np.searchsorted(ends, circle(story.seed, "payment.dirt", order), side="right")


@lru_cache(maxsize=2)
def charges(story: Story) -> pl.DataFrame:
    """Every charge before the story's moment, newest first.

    Columns: id, created (s), order (its number), role, order_id, user (null for a guest), email, name, amount,
    currency, status, failure_code, brand, country, last4, amount_refunded, disputed.
    """
    attempts = _attempts(story)
    order, role = attempts["order"].to_numpy(), attempts["role"].to_numpy()
    key = (order, role)
    main = role == MAIN
    back = refunds(story).select("order", amount_refunded="amount")
    contested = disputes(story).select("order", disputed=True)
    stranger = pl.Series(role == STRANGER)
    number = pl.Series(np.where(stranger.to_numpy(), NOBODY + order, order))
    frame = attempts.with_columns(
        id="ch_3" + digits(whole(story.seed, "charge.id", 10**9, *key), 9) + digits(order * 4 + role, 12),
        order_id=order_ids(number.to_numpy()),
        status=words(("succeeded", "failed"), (role == FAILED).astype(np.int64)),
        failure_code=words(FAILURES, whole(story.seed, "charge.failure", 3, order)).set(
            pl.Series(role != FAILED), None
        ),
        brand=words(BRANDS, pick(story.seed, "card.brand", (5, 4, 1), order)),
        country=words(w.COUNTRIES, whole(story.seed, "card.country", len(w.COUNTRIES), order)),
        last4=digits(whole(story.seed, "card.last4", 10_000, order), 4),
        main=pl.Series(main),
    )
    frame = frame.join(back, on="order", how="left").join(contested, on="order", how="left")
    frame = frame.with_columns(
        pl.when("main").then(pl.col("amount_refunded").fill_null(0)).otherwise(0).alias("amount_refunded"),
        (pl.col("main") & pl.col("disputed").fill_null(False)).alias("disputed"),
    )
    return _with_people(story, frame).drop("main").sort(["created", "id"], descending=True)


@lru_cache(maxsize=2)
def refunds(story: Story) -> pl.DataFrame:
    """Every refund before the story's moment, newest first: cancelled orders in full, returned lines.

    Columns: id, created (s), order, order_id, charge, amount, currency, return_id (null for a cancellation).
    """
    paid = _main_charges(story)
    order = paid["order"].to_numpy()
    lived = life(story, order)
    cancelled = np.where(
        circle(story.seed, "refund.cancelled", order) < NEVER_REFUNDED_CANCELLATION,
        NEVER,
        lived.cancelled + whole(story.seed, "refund.after_cancelled", 3 * DAY, order),
    )
    returned = np.where(
        circle(story.seed, "refund.returned", order) < NEVER_REFUNDED_RETURN,
        NEVER,
        lived.returned + whole(story.seed, "refund.after_returned", 5 * DAY, order),
    )
    moment = np.minimum(cancelled, returned)
    given = (moment < story.now) & ((lived.cancelled < NEVER) | (lived.returned < NEVER))
    rows = paid.filter(pl.Series(given))
    order, moment = rows["order"].to_numpy(), moment[given]
    back = returns(story, order, story.now).select(
        return_id="return_id", order=pl.col("return_id") - 1, back=(pl.col("refund_amount") * 100).cast(pl.Int64)
    )
    rows = rows.with_columns(created=moment // SECOND).join(back, on="order", how="left", maintain_order="left")
    rate = pl.Series(PER_EURO).gather(rows["currency_no"])
    part = rows["back"] * rate // 100
    return rows.select(
        id="re_3" + digits(whole(story.seed, "refund.id", 10**9, order), 9) + digits(order, 12),
        created="created",
        order="order",
        order_id=order_ids(order),
        charge="id",
        amount=pl.min_horizontal(pl.col("amount"), part.fill_null(2**40)),
        currency="currency",
        return_id="return_id",
    ).sort(["created", "id"], descending=True)


@lru_cache(maxsize=2)
def disputes(story: Story) -> pl.DataFrame:
    """Every dispute before the story's moment, newest first: id, created, order, charge, amount, currency, reason,
    status."""
    paid = _main_charges(story)
    paid = paid.filter(pl.Series(circle(story.seed, "charge.disputed", paid["order"].to_numpy()) < DISPUTED))
    order = paid["order"].to_numpy()
    opened = paid["created"].to_numpy() * SECOND + 3 * DAY + whole(story.seed, "dispute.after", 30 * DAY, order)
    age = story.now - opened
    closed = np.where(chance(story.seed, "dispute.won", order) < 0.4, 2, 3)
    status = np.select([age <= REVIEWED * DAY, age <= CLOSED * DAY], [0, 1], closed)
    frame = paid.select(
        id="dp_1" + digits(whole(story.seed, "dispute.id", 10**9, order), 9) + digits(order, 12),
        created=pl.Series(opened // SECOND),
        order="order",
        charge="id",
        amount="amount",
        currency="currency",
        reason=words(DISPUTE_REASONS, whole(story.seed, "dispute.reason", len(DISPUTE_REASONS), order)),
        status=words(("needs_response", "under_review", "won", "lost"), status),
    )
    return frame.filter(pl.Series(age > 0)).sort(["created", "id"], descending=True)


@lru_cache(maxsize=2)
def payouts(story: Story) -> pl.DataFrame:
    """What each day's euros came to, paid out the morning after; newest first: id, created, arrival, amount, status."""
    taken = charges(story).filter((pl.col("currency") == "eur") & (pl.col("status") == "succeeded"))
    given = refunds(story).filter(pl.col("currency") == "eur")
    both = pl.concat([taken.select("created", "amount"), given.select("created", amount=-pl.col("amount"))])
    day = DAY // SECOND
    days = both.group_by(day=pl.col("created") // day).agg(pl.col("amount").sum()).filter(pl.col("amount") > 0)
    created = (pl.col("day") + 1) * day + 6 * HOUR // SECOND
    arrives = (pl.col("day") + 3) * day
    now = story.now // SECOND
    return (
        days.select(
            id=pl.concat_str(pl.lit("po_1"), pl.col("day").cast(pl.String).str.zfill(20)),
            created=created,
            arrival=arrives,
            amount="amount",
            status=pl.when(arrives <= now).then(pl.lit("paid")).otherwise(pl.lit("in_transit")),
        )
        .filter(pl.col("created") < now)
        .sort("created", descending=True)
    )


@lru_cache(maxsize=2)
def customers(story: Story) -> pl.DataFrame:
    """One for each user with an order, since the first: id, created, user, email, name; newest first."""
    order = np.arange(how_many_orders(story, story.now), dtype=np.int64)
    lived = life(story, order)
    known = ~_guest(story, order)
    frame = pl.DataFrame({"user": buyer(story, order, lived)[known], "created": (lived.placed.moment // SECOND)[known]})
    first = frame.group_by("user").agg(pl.col("created").min()).sort("user")
    return (
        first.join(_people(story), on="user")
        .with_columns(id=customer_ids(story, first["user"].to_numpy()))
        .sort(["created", "id"], descending=True)
    )


def customer_ids(story: Story, user: Ints) -> pl.Series:
    return "cus_" + digits(whole(story.seed, "customer.id", 10**4, user), 4) + digits(user + 1, 10)


def _attempts(story: Story) -> pl.DataFrame:
    """Every attempt to charge before the story's moment: order, role, created, amount, currency, currency_no."""
    order, lived = _paying(story)
    kind = exception_of(story, order)
    cents = order_totals(story, order, lived)
    paid = lived.paid
    roles: tuple[tuple[int, Bools, Ints], ...] = (
        (MAIN, kind != 0, paid),
        (AGAIN, kind == 1, paid + 20 * SECOND + whole(story.seed, "charge.again", 100 * SECOND, order)),
        (FAILED, kind == 4, paid - 5 * SECOND - whole(story.seed, "charge.before", 40 * SECOND, order)),
        (STRANGER, kind == 5, paid + MINUTE + whole(story.seed, "charge.stranger", HOUR, order)),
    )
    currency = np.where(kind == 3, 1 + whole(story.seed, "charge.currency", 2, order), 0)
    amount = cents * PER_EURO[currency] // 100
    off = 1 + whole(story.seed, "charge.off", 500, order)
    below = (chance(story.seed, "charge.below", order) < 0.5) & (cents > 600)
    amount = np.where(kind == 2, amount + np.where(below, -off, off), amount)
    frame = pl.DataFrame({"order": order, "amount": amount, "currency_no": currency})
    frame = frame.with_columns(currency=words(CURRENCIES, currency))
    return (
        pl.concat(
            frame.with_columns(role=pl.lit(role, pl.Int64), at=pl.Series(at)).filter(pl.Series(there))
            for role, there, at in roles
        )
        .filter(pl.col("at") < story.now)
        .select(pl.all().exclude("at"), created=pl.col("at") // SECOND)
    )


def _main_charges(story: Story) -> pl.DataFrame:
    frame = _attempts(story).filter(pl.col("role") == MAIN)
    order = frame["order"].to_numpy()
    key = (order, np.zeros_like(order))
    ids = "ch_3" + digits(whole(story.seed, "charge.id", 10**9, *key), 9) + digits(order * 4, 12)
    return frame.with_columns(id=ids)


def _paying(story: Story) -> tuple[Ints, Life]:
    """Orders that were paid by the story's moment, or are about to be."""
    order = np.arange(how_many_orders(story, story.now), dtype=np.int64)
    order = order[life(story, order).paid < story.now + MINUTE]
    return order, life(story, order)


def _guest(story: Story, order: Ints) -> Bools:
    """Orders of a user that the shop does not know have no customer."""
    return circle(story.seed, "order.orphan", order) < ORPHAN


def _people(story: Story) -> pl.DataFrame:
    everybody = np.arange(registered(story, story.now), dtype=np.int64)
    told = users(story, everybody, story.now)
    return told.select(user=pl.col("user_id") - 1, email="email", name="full_name")


def _with_people(story: Story, frame: pl.DataFrame) -> pl.DataFrame:
    order = frame["order"].to_numpy()
    user = buyer(story, order, life(story, order))
    guest = pl.Series(_guest(story, order))
    named = frame.with_columns(user=pl.Series(user)).join(_people(story), on="user", how="left", maintain_order="left")
    ids = customer_ids(story, user).set(guest, None)
    return named.with_columns(customer=ids)
