"""Orders, their items and returns.

No row of orders and order_items breaks a rule: whoever counts or sums them in PostgreSQL must find what gold says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from sandbox import words as w
from sandbox.chance import Bools, Ints, chance, circle, pick, whole
from sandbox.goods import how_many_products, price_at
from sandbox.people import home_at, phone_of, registered_during
from sandbox.story import DAY, HOUR, LATE, MINUTE, NEVER, Story, When, day_number, edges, spread
from sandbox.table import Table, digits, moments, money, words

STATUSES = ("placed", "paid", "shipped", "delivered", "cancelled")
LONGEST_LIFE = 40 * DAY  # from the order to its last possible change
LINES_PER_ORDER = (0.22, 0.25, 0.20, 0.13, 0.10, 0.06, 0.04)
NOBODY = 9_000_000_000  # user ids from here on are in no table
ORPHAN = 0.001


def how_many_orders(story: Story, now: int) -> int:
    """How many orders were placed before a midnight, committed or not."""
    return int(edges(story, _seeded_orders(story))[day_number(story, now)])


def order_ids(order: Ints) -> pl.Series:
    return "O" + digits(order + 1, 10)


@dataclass(frozen=True)
class Life:
    """When each thing happens to some orders; NEVER where it does not."""

    placed: When
    late: Bools  # committed after midnight though stamped before
    paid: Ints
    cancelled: Ints
    shipped: Ints
    delivered: Ints
    failed: Ints
    returned: Ints


def life(story: Story, order: Ints) -> Life:
    """The whole life of orders, told from their numbers alone."""
    seed = story.seed
    placed = spread(story, "order", _seeded_orders(story), order, rush=True)
    late = (placed.to_midnight % 2 == 1) & (placed.to_midnight < placed.rush)
    # Nothing else may happen to a late order on the next day, or its stamp would not be the late one any more.
    waited = np.where(late, 25 * HOUR, MINUTE)
    fate = pick(seed, "order.fate", (0.94, 0.03, 0.03), order)  # goes through, cancelled unpaid, cancelled once paid
    paid = placed.moment + waited + whole(seed, "order.paid", 20 * MINUTE, order)
    abandoned = placed.moment + waited + whole(seed, "order.abandoned", 20 * HOUR, order)
    regretted = paid + whole(seed, "order.regretted", 5 * HOUR, order) + MINUTE
    shipped = paid + 6 * HOUR + whole(seed, "order.shipped", 42 * HOUR, order)
    arrived = shipped + 8 * HOUR + whole(seed, "order.arrived", 82 * HOUR, order)
    fails = chance(seed, "order.failed", order) < 0.015
    returned = arrived + 2 * DAY + whole(seed, "order.returned", 23 * DAY, order)
    returns = chance(seed, "order.returns", order) < 0.05
    through = fate == 0
    return Life(
        placed=placed,
        late=late,
        paid=np.where(fate == 1, NEVER, paid),
        cancelled=np.select([fate == 1, fate == 2], [abandoned, regretted], NEVER),
        shipped=np.where(through, shipped, NEVER),
        delivered=np.where(through & ~fails, arrived, NEVER),
        failed=np.where(through & fails, arrived, NEVER),
        returned=np.where(through & ~fails & returns, returned, NEVER),
    )


def committed(lived: Life, now: int) -> Bools:
    """Which orders a reader sees at a midnight: those placed before, but the late ones of its last minutes."""
    return (lived.placed.moment < now) & ~(lived.late & (lived.placed.moment >= now - LATE))


def orders(story: Story, order: Ints, now: int) -> pl.DataFrame:
    lived = life(story, order)
    seen = committed(lived, now)
    totals = order_totals(story, order, lived)
    user = buyer(story, order, lived)
    home = home_at(story, user, lived.placed.moment)
    steps = np.stack([lived.paid, lived.shipped, lived.delivered, lived.cancelled, lived.returned])
    steps = np.where(steps < now, steps, 0)
    status = np.where(steps[3] > 0, 4, (steps[:3] > 0).sum(axis=0))
    stranger = circle(story.seed, "order.orphan", order) < ORPHAN
    silent = pl.Series(chance(story.seed, "order.silent", order) < 0.03)
    return pl.DataFrame(
        {
            "order_id": order_ids(order),
            "user_id": np.where(stranger, NOBODY + order, user + 1),
            "microzone_id": home["microzone_id"],
            "status": words(STATUSES, status),
            "currency": words(("EUR",), np.zeros_like(order)),
            "total": money(totals),
            "voucher_code": _written_voucher(story, order),
            "recipient_phone": phone_of(story, user).set(silent, None),
            "delivery_address": home["address_line"] + ", " + home["postcode"] + " " + home["city"],
            "ordered_at": moments(lived.placed.moment),
            "updated_at": moments(np.maximum(lived.placed.moment, steps.max(axis=0))),
        }
    ).filter(pl.Series(seen))


def buyer(story: Story, order: Ints, lived: Life) -> Ints:
    """Who ordered: mostly anybody registered by then, often a newcomer, and every twelfth user again and again."""
    there = registered_during(story, lived.placed.day, lived.placed.elapsed)
    anybody = whole(story.seed, "order.user", there, order)
    newest = np.minimum(there, np.maximum(there // 40, 5))
    newcomer = there - 1 - whole(story.seed, "order.newcomer", newest, order)
    kind = pick(story.seed, "order.loyalty", (0.45, 0.3, 0.25), order)
    return np.select([kind == 0, kind == 1], [anybody, anybody // 12 * 12], newcomer)


def _seeded_orders(story: Story) -> int:
    return story.sized(100_000, 400)


def voucher(story: Story, order: Ints) -> Ints:
    """Which voucher an order uses, -1 for none (seven of eight)."""
    kind = whole(story.seed, "order.voucher", len(w.VOUCHERS), order)
    return np.where(chance(story.seed, "order.uses", order) < 0.12, kind, -1)


def _written_voucher(story: Story, order: Ints) -> pl.Series:
    """The code as typed by people: one in ten with stray blanks or in lower case."""
    kind = voucher(story, order)
    code = words(w.VOUCHERS, np.maximum(kind, 0)).set(pl.Series(kind < 0), None)
    typed = pick(story.seed, "order.typed", (0.9, 0.04, 0.03, 0.03), order)
    return (
        pl.DataFrame({"code": code, "typed": typed})
        .select(
            pl.when(pl.col("typed") == 1)
            .then(pl.col("code").str.to_lowercase())
            .when(pl.col("typed") == 2)
            .then(" " + pl.col("code") + " ")
            .when(pl.col("typed") == 3)
            .then(pl.col("code").str.to_titlecase() + "  ")
            .otherwise(pl.col("code"))
        )
        .to_series()
    )


@dataclass(frozen=True)
class Lines:
    """The lines of some orders, one after another; money in cents."""

    of: Ints  # the position of the order among those asked for
    first: Ints  # for each order, where its lines start
    line_no: Ints
    product: Ints
    quantity: Ints
    price: Ints
    discount: Ints

    @property
    def amount(self) -> Ints:
        return self.quantity * self.price - self.discount


def lines(story: Story, order: Ints, placed: Ints) -> Lines:
    """The lines of orders placed at these moments; only a voucher gives a discount."""
    many = 1 + pick(story.seed, "order.lines", LINES_PER_ORDER, order)
    first = np.cumsum(many) - many
    of = np.repeat(np.arange(len(order)), many)
    line_no = np.arange(len(of)) - first[of] + 1
    key = order[of]
    popular = chance(story.seed, "line.product", key, line_no) ** 2.2
    product = (popular * how_many_products(story)).astype(np.int64)
    quantity = 1 + pick(story.seed, "line.quantity", (0.74, 0.17, 0.06, 0.03), key, line_no)
    price = price_at(story, product, placed[of])
    percent = np.append(w.VOUCHER_PERCENT, 0)[voucher(story, order)][of]
    discount = (quantity * price * percent + 50) // 100
    return Lines(of, first, line_no, product, quantity, price, discount)


def order_totals(story: Story, order: Ints, lived: Life) -> Ints:
    """What each order costs, in cents."""
    bought = lines(story, order, lived.placed.moment)
    return np.add.reduceat(bought.amount, bought.first) if len(order) else order


def order_items(story: Story, order: Ints, now: int) -> pl.DataFrame:
    """The items of orders; a cancellation touches them too."""
    lived = life(story, order)
    bought = lines(story, order, lived.placed.moment)
    placed = lived.placed.moment[bought.of]
    cancelled = lived.cancelled[bought.of]
    return pl.DataFrame(
        {
            "order_id": order_ids(order).gather(bought.of),
            "line_no": bought.line_no.astype(np.int32),
            "product_id": bought.product + 1,
            "quantity": bought.quantity.astype(np.int32),
            "unit_price": money(bought.price),
            "discount": money(bought.discount),
            "created_at": moments(placed),
            "updated_at": moments(np.where(cancelled < now, cancelled, placed)),
        }
    ).filter(pl.Series(committed(lived, now)[bought.of]))


def returns(story: Story, order: Ints, now: int) -> pl.DataFrame:
    """One line of one in twenty delivered orders comes back; 0.2 % of the rows name an order that never was."""
    lived = life(story, order)
    order = order[lived.returned < now]
    returned = lived.returned[lived.returned < now]
    lived = life(story, order)
    bought = lines(story, order, lived.placed.moment)
    many = np.diff(np.append(bought.first, len(bought.of)))
    line = bought.first + whole(story.seed, "return.line", many, order)
    stray = pl.Series(circle(story.seed, "return.orphan", order) < 0.002)
    return pl.DataFrame(
        {
            "return_id": order + 1,
            "order_id": order_ids(np.where(stray.to_numpy(), NOBODY + order, order)),
            "line_no": bought.line_no[line].astype(np.int32),
            "reason": words(w.REASONS, pick(story.seed, "return.reason", (3, 3, 2, 1, 3), order)),
            "refund_amount": money(bought.amount[line]),
            "returned_at": moments(returned),
            "updated_at": moments(returned),
        }
    )


def recent(story: Story, table: Table, before: int, after: int) -> Ints:
    """Orders that may have changed since: nothing happens to one that is older than any life."""
    first = how_many_orders(story, max(before - LONGEST_LIFE, story.start))
    return np.arange(first, how_many_orders(story, after), dtype=np.int64)


def late_orders(story: Story, before: int) -> Ints:
    """Orders stamped before this midnight that were not committed yet."""
    yesterday = np.arange(how_many_orders(story, before - DAY), how_many_orders(story, before), dtype=np.int64)
    lived = life(story, yesterday)
    return yesterday[lived.late & ~committed(lived, before)]


TABLES = (
    Table("order_service.orders", ("order_id",), how_many_orders, orders, recent),
    Table("order_service.order_items", ("order_id", "line_no"), how_many_orders, order_items, recent),
    Table("order_service.returns", ("return_id",), how_many_orders, returns, recent),
)
