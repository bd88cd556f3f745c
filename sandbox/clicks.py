"""The clickstream: what browsers send while somebody visits the shop, as messages of three topics.

Messages come in the order in which they arrive, which is not quite the order in which things happened. A message
lands in its session's partition; the same day always brings the same messages, so offsets never change.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from sandbox import words as w
from sandbox.chance import Ints, chance, circle, whole
from sandbox.goods import how_many_products
from sandbox.orders import life, lines
from sandbox.story import DAY, HOUR, MINUTE, Story, midnight
from sandbox.table import words
from sandbox.web import PER_ORDER, visits

KEPT = 7  # days of the seed that there are messages of
PARTITIONS = {"page_views": 8, "add_to_cart": 4, "search": 4}
SHOP = "https://shop.opetence.example"
MILLISECOND = 1_000
TWICE, LATE, POISON, WRONG_TYPE = 0.01, 0.015, 0.0155, 0.0165  # ends of the slices of a circle: declared dirt


def first_day(story: Story) -> int:
    """The midnight from which there are messages; the first of them have offset 0."""
    return midnight(story.until) - KEPT * DAY


def messages(story: Story, topic: str, since: int, until: int) -> pl.DataFrame:
    """The messages of a topic that arrive between two moments, in their order.

    Columns: topic, partition, key (session id), value (bytes), at (ms since 1970).
    """
    sessions = visits(story, since - 2 * DAY - HOUR, until)
    happened = {"page_views": _page_views, "add_to_cart": _carts, "search": _searches}[topic](story, sessions)
    number = happened["number"].to_numpy()
    dirt = circle(story.seed, f"{topic}.dirt", number)
    sent = happened["at"].to_numpy() + (50 + whole(story.seed, f"{topic}.sent", 3_000, number)) * MILLISECOND
    late = (dirt >= TWICE) & (dirt < LATE)
    sent = np.where(late, sent + whole(story.seed, f"{topic}.late", 2 * DAY - MINUTE, number), sent)
    told = happened.with_columns(sent=pl.Series(sent), dirt=pl.Series(dirt), again=pl.lit(False))
    again = told.filter(pl.col("dirt") < TWICE).with_columns(pl.col("sent") + 1_500 * MILLISECOND, again=pl.lit(True))
    both = pl.concat([told, again]).filter((pl.col("sent") >= since) & (pl.col("sent") < until))
    both = both.sort(["sent", "number", "again"])
    session = both["session"].to_numpy()
    return both.select(
        topic=pl.lit(topic),
        partition=whole(story.seed, "partition", PARTITIONS[topic], session),
        key="session_id",
        value=_written(story, topic, both),
        at=pl.col("sent") // MILLISECOND,
    )


def _written(story: Story, topic: str, rows: pl.DataFrame) -> pl.Series:
    """JSON, but for the poison: cut in the middle, or no JSON at all."""
    first_sent = pl.col("sent") - pl.when("again").then(1_500 * MILLISECOND).otherwise(0)
    fields = rows.select(
        event_id=pl.lit(topic[0]) + pl.col("number").cast(pl.String).str.zfill(16),
        session_id="session_id",
        user_id=pl.when("known").then(pl.col("user") + 1),
        ip=_address(story, rows["user"].to_numpy()),
        occurred_at=_stamp(pl.col("at")),
        sent_at=_stamp(first_sent),
        **{
            name: pl.col(name) for name in ("url", "product_id", "quantity", "query", "results") if name in rows.columns
        },
    )
    text = fields.select(pl.struct(pl.all()).struct.json_encode()).to_series()
    spoiled = {"page_views": '"user_id":true', "add_to_cart": '"product_id":"abc"', "search": '"results":"many"'}[topic]
    field = spoiled.partition(":")[0]
    frame = pl.DataFrame({"text": text, "dirt": rows["dirt"], "number": rows["number"]})
    poison = pl.col("dirt").is_between(LATE, POISON, closed="left")
    wrong = pl.col("dirt").is_between(POISON, WRONG_TYPE, closed="left")
    return frame.select(
        pl.when(poison & (pl.col("number") % 2 == 0))
        .then(pl.col("text").str.head(pl.col("text").str.len_chars() // 2))
        .when(poison)
        .then(pl.lit("<html><body>502 Bad Gateway</body></html>"))
        .when(wrong)
        .then(pl.col("text").str.replace(field + r':("[^"]*"|[^,}]*)', spoiled))
        .otherwise("text")
        .cast(pl.Binary)
    ).to_series()


def _page_views(story: Story, sessions: pl.DataFrame) -> pl.DataFrame:
    """Each session's pages, from where it landed to where it ended."""
    seed = story.seed
    rows, nth = _repeated(sessions, sessions["pages"].to_numpy())
    number = rows["session"].to_numpy() * 100 + nth
    last = nth == rows["pages"].to_numpy() - 1
    popular = (chance(seed, "view.product", number) ** 2.2 * how_many_products(story)).astype(np.int64) + 1
    source = pl.lit("?utm_source=") + pl.col("source") + "&utm_campaign=" + pl.col("campaign_id")
    paid = pl.col("campaign_id") != "(not set)"
    return rows.with_columns(
        at=pl.Series(_within(rows, nth, rows["pages"].to_numpy(), number, seed)),
        number=pl.Series(number),
        url=pl.when(pl.Series(nth == 0))
        .then(SHOP + pl.col("landing") + pl.when(paid).then(source).otherwise(pl.lit("")))
        .when(pl.Series(last) & pl.col("order").is_not_null())
        .then(SHOP + pl.lit("/checkout/thank-you"))
        .otherwise(SHOP + "/product/" + pl.Series(popular).cast(pl.String)),
    )


def _carts(story: Story, sessions: pl.DataFrame) -> pl.DataFrame:
    """What was put into carts: all that was bought, and of every seventh other session something."""
    seed = story.seed
    buys = sessions.filter(pl.col("order").is_not_null())
    order = buys["session"].to_numpy() // PER_ORDER
    bought = lines(story, order, life(story, order).placed.moment)
    rows = buys[bought.of].with_columns(product_id=pl.Series(bought.product + 1), quantity=pl.Series(bought.quantity))
    nth = bought.line_no - 1
    others = sessions.filter(pl.col("order").is_null())
    others = others.filter(pl.Series(chance(seed, "cart.fills", others["session"].to_numpy()) < 0.15))
    extra = others.with_columns(product_id=pl.col("product"), quantity=pl.lit(1, pl.Int64))
    both, nth = pl.concat([rows, extra]), np.concatenate([nth, np.zeros(len(extra), dtype=np.int64)])
    number = both["session"].to_numpy() * 100 + nth
    many = np.full_like(number, 8)
    return both.with_columns(at=pl.Series(_within(both, nth, many, number, seed)), number=pl.Series(number))


def _searches(story: Story, sessions: pl.DataFrame) -> pl.DataFrame:
    """What was searched for in three of ten sessions."""
    session = sessions["session"].to_numpy()
    rows = sessions.filter(pl.Series(chance(story.seed, "search.searches", session) < 0.3))
    session = rows["session"].to_numpy()
    number = session * 100
    nothing = np.zeros_like(number)
    noun = words([name.lower() for name in w.NOUNS], whole(story.seed, "search.noun", len(w.NOUNS), session))
    return rows.with_columns(
        at=pl.Series(_within(rows, nothing, nothing + 4, number, story.seed)),
        number=pl.Series(number),
        query=noun,
        results=whole(story.seed, "search.results", 60, session),
    )


def _repeated(sessions: pl.DataFrame, many: Ints) -> tuple[pl.DataFrame, Ints]:
    """Each session as often as it has pages, and which of them it is."""
    of = np.repeat(np.arange(len(sessions), dtype=np.int64), many)
    nth = np.arange(len(of), dtype=np.int64) - np.repeat(np.cumsum(many) - many, many)
    return sessions[of], nth


def _within(rows: pl.DataFrame, nth: Ints, many: Ints, number: Ints, seed: int) -> Ints:
    """When the nth of many things of a session happened (us): one after the other."""
    length = (rows["minutes"].to_numpy() + 1) * MINUTE
    return rows["start"].to_numpy() + ((nth + chance(seed, "click.within", number)) / many * length).astype(np.int64)


def _address(story: Story, user: Ints) -> pl.Series:
    """Addresses of networks that are nobody's: those for benchmarks and, for one in five, for documentation."""
    low = pl.Series(whole(story.seed, "address.low", 65_536, user))
    host = pl.Series(1 + whole(story.seed, "address.host", 250, user))
    fourth = "198.18." + (low % 256).cast(pl.String) + "." + host.cast(pl.String)
    sixth = "2001:db8:" + (low % 10_000).cast(pl.String) + "::" + host.cast(pl.String)
    frame = pl.DataFrame({"fourth": fourth, "sixth": sixth, "new": chance(story.seed, "address.new", user) < 0.2})
    return frame.select(pl.when("new").then("sixth").otherwise("fourth")).to_series()


def _stamp(microseconds: pl.Expr) -> pl.Expr:
    """ISO 8601 in UTC with milliseconds."""
    return microseconds.cast(pl.Datetime("us")).dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
