"""Visits to the shop as web analytics counts them.

Every order stands for three sessions: the one that led to it (known for 85 %) and visits that bought nothing. What is
counted of the last two days is preliminary: counts are lower, some sessions are missing and some will be taken back.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from sandbox import campaigns
from sandbox import words as w
from sandbox.chance import Bools, Ints, chance, pick, whole
from sandbox.goods import how_many_products
from sandbox.orders import buyer, how_many_orders, life, lines, order_ids
from sandbox.story import DAY, HOUR, MINUTE, Story
from sandbox.table import digits, moments, words

KEPT = 60  # days
PER_ORDER = 3
TRACKED = 0.85  # share of orders whose session is known
DEVICES = ("mobile", "desktop", "tablet")
UNPAID = (("google", "organic"), ("(direct)", "(none)"), ("bing", "organic"))
UNSET = "(not set)"
NOT_YET, TAKEN_BACK = 0.03, 0.02  # shares of a preliminary day's sessions
COUNTED = np.array([0.90, 0.96, 1.0])  # share of its events that is counted on the first, the second and later days


def visits(story: Story, since: int, until: int) -> pl.DataFrame:
    """Every session that started between two moments, as it really was, in no order.

    Columns: session (its number), session_id, user (number), known (has an account and is logged in), client_id, start
    (us), minutes, pages, product (looked at), source, medium, campaign_id, campaign_name, landing, device, order (null
    when it bought nothing), revenue (cents).
    """
    order = np.arange(
        how_many_orders(story, max(since - 2 * DAY, story.start)),
        how_many_orders(story, min(until + 2 * DAY, story.now + 2 * DAY)),
        dtype=np.int64,
    )
    session = np.repeat(order * PER_ORDER, PER_ORDER) + np.tile(np.arange(PER_ORDER, dtype=np.int64), len(order))
    order = session // PER_ORDER
    start, buys = _start(story, session, order)
    seen = (start >= since) & (start < until)
    return _described(story, session[seen], order[seen], start[seen], buys[seen])


def sessions(story: Story) -> pl.DataFrame:
    """What web analytics tells at the story's moment of the days it keeps, one row a session.

    Columns: those of `visits`, day (text, YYYYMMDD), seconds (of engagement), events, engaged, key_events.
    """
    kept = visits(story, story.now - KEPT * DAY, story.now).sort("session")
    session, start = kept["session"].to_numpy(), kept["start"].to_numpy()
    age = np.minimum((story.now - 1 - start) // DAY, 2)  # of a session's day: 0 is yesterday's
    luck = chance(story.seed, "session.settles", session)
    buys = kept["order"].is_not_null().to_numpy()
    missing = (luck < NOT_YET) & (age < 1 + (luck < NOT_YET / 2))
    gone = (luck > 1 - TAKEN_BACK) & ~buys & (age > (luck > 1 - TAKEN_BACK / 2))
    pages = kept["pages"].to_numpy()
    events = np.maximum((pages * 2 + 3) * COUNTED[age], 1).astype(np.int64)
    seconds = (kept["minutes"].to_numpy() * 60 * COUNTED[age]).astype(np.int64)
    return kept.with_columns(
        day=moments(start).dt.strftime("%Y%m%d"),
        events=pl.Series(events),
        seconds=pl.Series(seconds),
        engaged=pl.Series(((pages > 1) | buys).astype(np.int64)),
        key_events=pl.Series(buys.astype(np.int64)),
    ).filter(pl.Series(~missing & ~gone))


def _start(story: Story, session: Ints, order: Ints) -> tuple[Ints, Bools]:
    """When sessions started, and which of them led to their order."""
    placed = life(story, order).placed.moment
    first = session % PER_ORDER == 0
    buys = first & (chance(story.seed, "session.tracked", order) < TRACKED)
    before = placed - 2 * MINUTE - whole(story.seed, "session.before", 38 * MINUTE, session)
    around = placed - 12 * HOUR + whole(story.seed, "session.around", 24 * HOUR, session)
    return np.where(buys, before, around), buys


def _described(story: Story, session: Ints, order: Ints, start: Ints, buys: Bools) -> pl.DataFrame:
    seed = story.seed
    lived = life(story, order)
    who = buyer(story, order, lived)
    stranger = ~buys & (session % PER_ORDER == 1)  # somebody without an account, or another user who looks around
    who = np.where(buys | stranger, who, np.maximum(who - whole(seed, "session.other", 50, session), 0))
    client = np.where(stranger, 8_000_000_000 + session, 1_000_000_000 + who)
    bought = lines(story, order, lived.placed.moment)
    revenue = np.add.reduceat(bought.amount, bought.first) if len(order) else order
    popular = chance(seed, "session.product", session) ** 2.2
    product = np.where(buys, bought.product[bought.first], (popular * how_many_products(story)).astype(np.int64))
    pages = 1 + (13 * chance(seed, "session.pages", session) ** 1.1).astype(np.int64) + 3 * buys
    minutes = np.where(buys, 2 + whole(seed, "session.minutes", 38, session), pages * 7 // 10)
    frame = pl.DataFrame(
        {
            "session": session,
            "session_id": digits(1_000_000_000 + session, 10),
            "user": who,
            "known": ~stranger & (buys | (chance(seed, "session.login", session) < 0.6)),
            "client_id": digits(client, 10) + "." + digits(1_600_000_000 + client % 99_999_989, 10),
            "start": start,
            "minutes": minutes,
            "pages": pages,
            "product": product + 1,
            "device": words(DEVICES, pick(seed, "session.device", (60, 34, 6), session)),
            "order": order_ids(order).set(pl.Series(~buys), None),
            "revenue": np.where(buys, revenue, 0),
        }
    )
    return frame.with_columns(_origin(story, session), landing=_landing(story, session, product))


def _origin(story: Story, session: Ints) -> pl.DataFrame:
    """Where sessions came from; half of them from a campaign."""
    places = (*campaigns.SOURCES, *UNPAID)
    weights = [1.0 + n % 4 for n in range(len(campaigns.IDS))]
    unpaid = sum(weights) / len(UNPAID)
    found = pick(story.seed, "session.origin", (*weights, *(unpaid,) * len(UNPAID)), session)
    none = (UNSET,) * len(UNPAID)
    return pl.DataFrame(
        {
            "source": words([source for source, _ in places], found),
            "medium": words([medium for _, medium in places], found),
            "campaign_id": words((*campaigns.IDS, *none), found),
            "campaign_name": words((*campaigns.NAMES, *none), found),
        }
    )


def _landing(story: Story, session: Ints, product: Ints) -> pl.Series:
    kind = pick(story.seed, "session.landing", (4, 3, 3), session)
    category = words([name.lower() for name in w.CATEGORIES], product % len(w.CATEGORIES))
    frame = pl.DataFrame({"kind": kind, "category": category, "product": pl.Series(product + 1).cast(pl.String)})
    return frame.select(
        pl.when(pl.col("kind") == 0)
        .then(pl.lit("/"))
        .when(pl.col("kind") == 1)
        .then("/category/" + pl.col("category"))
        .otherwise("/product/" + pl.col("product"))
    ).to_series()
