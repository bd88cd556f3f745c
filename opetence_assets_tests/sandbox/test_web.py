"""Visits, clicks, reviews, tickets and campaigns against the shop's own orders."""

from __future__ import annotations

import gzip
import io
import json
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest

from opetence_assets_tests.sandbox.database import told
from sandbox import campaigns, catalog, clicks, support, web
from sandbox.load import all_tables
from sandbox.marketing import braze_campaigns, google_ads, marketing_budget
from sandbox.story import DAY, Story
from sandbox.table import moment

STORY = Story(11, 0.5, date(2025, 6, 1))
NEXT = replace(STORY, ticks=1)
TABLES = {table.name.split(".")[1]: table for table in all_tables()}


@pytest.fixture(scope="module")
def orders() -> pl.DataFrame:
    return told(STORY, TABLES["orders"])


@pytest.fixture(scope="module")
def reviews() -> list[catalog.Document]:
    return catalog.reviews(STORY)


def test_most_orders_have_the_session_that_led_to_them(orders: pl.DataFrame) -> None:
    sessions = web.sessions(STORY)
    settled = orders.filter(pl.col("ordered_at").is_between(moment(STORY.now - 59 * DAY), moment(STORY.now - 3 * DAY)))
    led = settled.join(sessions, left_on="order_id", right_on="order")
    assert len(led) / len(settled) == pytest.approx(0.85, abs=0.01)
    assert led["order_id"].is_unique().all()
    ahead = led["ordered_at"].dt.epoch("us") - led["start"]
    assert 0 < ahead.min() <= ahead.max() < DAY // 24
    assert led.select((pl.col("revenue") == (pl.col("total") * 100).cast(pl.Int64)).all()).item()
    assert len(sessions) / len(orders.filter(pl.col("ordered_at") >= moment(STORY.now - 60 * DAY))) == pytest.approx(
        3, abs=0.1
    )
    assert sessions["session_id"].is_unique().all()
    assert set(sessions["campaign_id"]) == {*campaigns.IDS, web.UNSET}


def test_what_is_settled_never_changes() -> None:
    settled = pl.col("start").is_between(STORY.now - 58 * DAY, STORY.now - 2 * DAY, closed="left")
    assert web.sessions(STORY).filter(settled).equals(web.sessions(NEXT).filter(settled))


def test_messages_arrive_once_and_in_order() -> None:
    first = clicks.first_day(STORY)
    days = [clicks.messages(STORY, "page_views", first + n * DAY, first + (n + 1) * DAY) for n in range(2)]
    both = clicks.messages(STORY, "page_views", first, first + 2 * DAY)
    assert pl.concat(days).equals(both)
    assert both["at"].is_sorted()
    assert clicks.messages(NEXT, "page_views", first, first + DAY).equals(days[0])
    assert set(both["partition"]) == set(range(8))
    assert both.group_by("key").agg(pl.col("partition").n_unique())["partition"].max() == 1


@pytest.mark.parametrize("topic", clicks.PARTITIONS)
def test_the_dirt_of_messages(topic: str) -> None:
    big = replace(STORY, scale=2.0)
    rows = clicks.messages(big, topic, clicks.first_day(big), big.now)
    good: list[dict[str, object]] = []
    for value in rows["value"]:
        try:
            good.append(json.loads(value))
        except ValueError:
            continue
    assert (len(rows) - len(good)) / len(rows) == pytest.approx(0.0005, abs=0.0003)
    ids = Counter(message["event_id"] for message in good)
    assert 1 - len(ids) / len(good) == pytest.approx(0.01, abs=0.003)
    wrong = {"page_views": ("user_id", True), "add_to_cart": ("product_id", "abc"), "search": ("results", "many")}[
        topic
    ]
    assert sum(message[wrong[0]] is wrong[1] or message[wrong[0]] == wrong[1] != 1 for message in good) / len(
        good
    ) == pytest.approx(0.001, abs=0.0006)
    frame = pl.DataFrame({name: [str(message[name]) for message in good] for name in ("occurred_at", "sent_at")})
    late = frame.select(pl.all().str.to_datetime("%Y-%m-%dT%H:%M:%S%.3fZ"))
    share = late.select((pl.col("sent_at") - pl.col("occurred_at") > timedelta(seconds=10)).mean()).item()
    assert share == pytest.approx(0.005, abs=0.003)


def test_carts_hold_what_was_bought() -> None:
    since = STORY.now - 3 * DAY
    rows = clicks.messages(STORY, "add_to_cart", since, STORY.now)
    put = {(message["session_id"], message["product_id"], message["quantity"]) for message in _read(rows)}
    sessions = web.visits(STORY, since + DAY, STORY.now - DAY).filter(pl.col("order").is_not_null())
    items = told(STORY, TABLES["order_items"]).join(sessions, left_on="order_id", right_on="order")
    bought = {(row["session_id"], row["product_id"], row["quantity"]) for row in items.iter_rows(named=True)}
    assert len(bought) > 200
    assert len(bought - put) < 0.01 * len(bought)


def _read(rows: pl.DataFrame) -> list[dict[str, object]]:
    return [json.loads(value) for value in rows["value"] if value.endswith(b"}")]


def test_reviews_are_of_delivered_orders(orders: pl.DataFrame, reviews: list[catalog.Document]) -> None:
    delivered = orders.filter(pl.col("status") == "delivered")
    users = dict(delivered.select("order_id", "user_id").iter_rows())
    assert len(reviews) / len(delivered) == pytest.approx(0.08, abs=0.005)
    assert all(users[review["order_id"]] == review["user_id"] for review in reviews)
    items = set(told(STORY, TABLES["order_items"]).select("order_id", "product_id").iter_rows())
    assert all((review["order_id"], review["product_id"]) in items for review in reviews)
    assert max(review["updated_at"] for review in reviews).timestamp() < STORY.now / 1_000_000


def test_the_dirt_of_reviews(reviews: list[catalog.Document]) -> None:
    many = len(reviews)
    assert len({review["_id"] for review in reviews}) == many
    ids = Counter(review["review_id"] for review in reviews)
    assert 1 - len(ids) / many == pytest.approx(0.003, abs=0.001)
    assert sum(isinstance(review["rating"], str) for review in reviews) / many == pytest.approx(0.003, abs=0.001)
    assert sum(review["rating"] in (0, 7) for review in reviews) / many == pytest.approx(0.002, abs=0.001)
    assert sum("reviewer" not in review for review in reviews) / many == pytest.approx(0.005, abs=0.001)
    leaks = [r for r in reviews if any(sign in r["body"] for sign in ("write to", "Call me", "I paid with"))]
    assert len(leaks) / many == pytest.approx(1 / 40, abs=0.008)


def test_reviews_are_removed_later(reviews: list[catalog.Document]) -> None:
    before = {review["_id"]: review for review in reviews}
    after = {review["_id"]: review for review in catalog.reviews(replace(STORY, ticks=5))}
    assert before.keys() < after.keys()
    changed = [after[id] for id in before if before[id] != after[id]]
    assert changed
    assert {review["status"] for review in changed} == {"removed"}
    assert all(review["updated_at"].timestamp() >= STORY.now // 1_000_000 for review in changed)


def test_a_document_of_each_product_changes_only_with_its_stamp() -> None:
    before = {document["_id"]: document for document in catalog.product_documents(STORY)}
    after = {document["_id"]: document for document in catalog.product_documents(NEXT)}
    assert len(before) == len(told(STORY, TABLES["products"]))
    assert before.keys() == after.keys()
    for id, document in after.items():
        assert (document == before[id]) == (document["updated_at"] == before[id]["updated_at"])


def test_tickets_are_about_orders_and_keep_their_numbers(orders: pl.DataFrame) -> None:
    tickets, later = support.tickets(STORY), support.tickets(NEXT)
    known = tickets.join(orders, on="order_id")
    assert len(known) + tickets["order_id"].null_count() >= len(tickets) - 3  # orders that are committed late
    assert known.select((pl.col("user_id") == pl.col("user") + 1).mean()).item() > 0.99
    same = tickets.join(later, on="id", suffix="_later")
    assert len(same) == len(tickets) < len(later)
    assert same.select((pl.col("description") == pl.col("description_later")).all()).item()
    trouble = told(STORY, TABLES["returns"]).select("order_id").unique()
    share = len(trouble.join(tickets, on="order_id")) / len(trouble)
    assert share > 2 * len(tickets) / len(orders)


def test_partners_files_are_the_same_each_time_and_their_campaigns_are_known() -> None:
    day = STORY.until - timedelta(days=1)
    assert google_ads(STORY, day) == google_ads(NEXT, day)
    assert braze_campaigns(STORY, day) == braze_campaigns(NEXT, day)
    ads = pl.read_parquet(io.BytesIO(google_ads(STORY, day)))
    assert ads.schema["date"] == pl.Date
    mails = [json.loads(line) for line in gzip.decompress(braze_campaigns(STORY, day)).splitlines()]
    assert {*ads["campaign_id"], *(mail["campaign_id"] for mail in mails)} <= set(campaigns.IDS)
    assert all(mail["stats"]["clicks"] <= mail["stats"]["opens"] <= mail["stats"]["sent"] for mail in mails)


def test_a_budget_changes_on_some_days() -> None:
    sheets = [marketing_budget(replace(STORY, ticks=ticks)) for ticks in range(15)]
    assert 2 < len(set(sheets)) < 15
    assert [len(sheet.split(b"\r\n")) for sheet in sheets] == [43] * 15
