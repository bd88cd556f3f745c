"""The facts of the story, told without a database: coherence, and the declared dirt in its declared share."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from opetence_assets_tests.sandbox.database import as_text, told
from sandbox.load import all_tables
from sandbox.orders import late_orders
from sandbox.story import LATE, MINUTE, Story
from sandbox.table import Table, moment

STORY = Story(11, 0.5, date(2025, 6, 1))
TABLES = {table.name.split(".")[1]: table for table in all_tables()}
KEYED = [table for table in all_tables() if table.key]


@pytest.fixture(scope="module")
def rows() -> dict[str, pl.DataFrame]:
    return {name: told(STORY, table) for name, table in TABLES.items()}


def share(rows: pl.DataFrame, of: pl.Expr) -> float:
    return rows.select(of.mean()).item()


@pytest.mark.parametrize("table", all_tables(), ids=lambda table: table.name)
def test_batches_tell_what_the_whole_tells(table: Table) -> None:
    small = Story(5, 0.02, date(2025, 6, 1), ticks=2)
    size = table.size(small, small.now)
    pieces = [table.rows(small, np.arange(low, min(low + 97, size)), small.now) for low in range(0, size, 97)]
    assert as_text(pl.concat(pieces)).equals(as_text(told(small, table)))


@pytest.mark.parametrize("table", KEYED, ids=lambda table: table.name)
def test_keys_are_unique(rows: dict[str, pl.DataFrame], table: Table) -> None:
    assert not rows[table.name.split(".")[1]].select(table.key).is_duplicated().any()


@pytest.mark.parametrize("table", all_tables(), ids=lambda table: table.name)
def test_nothing_is_stamped_after_the_storys_moment(rows: dict[str, pl.DataFrame], table: Table) -> None:
    assert rows[table.name.split(".")[1]].select((pl.col(table.cursor) < moment(STORY.now)).all()).item()


def test_sizes(rows: dict[str, pl.DataFrame]) -> None:
    assert len(rows["users"]) == 10_000
    assert len(rows["orders"]) == 50_000 - len(late_orders(STORY, STORY.now))
    assert len(rows["order_items"]) == pytest.approx(150_000, rel=0.02)


def test_an_order_costs_what_its_items_cost(rows: dict[str, pl.DataFrame]) -> None:
    paid = pl.col("quantity") * pl.col("unit_price") - pl.col("discount")
    items = rows["order_items"].group_by("order_id").agg(paid.sum().alias("sum"), pl.col("created_at").unique())
    both = rows["orders"].join(items, on="order_id", how="full", coalesce=True)
    assert both.select((pl.col("total") == pl.col("sum")).all()).item()
    assert both.select((pl.col("created_at").list.first() == pl.col("ordered_at")).all()).item()
    assert both.null_count().select("total", "sum").row(0) == (0, 0)


def test_orders_keep_every_rule(rows: dict[str, pl.DataFrame]) -> None:
    orders, items = rows["orders"], rows["order_items"]
    assert orders["total"].min() > 0
    assert items["quantity"].min() > 0
    assert items.select((pl.col("discount") <= pl.col("quantity") * pl.col("unit_price")).all()).item()
    assert orders["order_id"].str.contains(r"^O\d{10}$").all()
    assert orders.sort("order_id")["ordered_at"].is_sorted()
    required = orders.drop("voucher_code", "recipient_phone")
    assert sum(required.null_count().row(0)) + sum(items.null_count().row(0)) == 0
    assert items.join(rows["products"], on="product_id", how="anti").is_empty()
    assert orders.join(rows["microzones"], on="microzone_id", how="anti").is_empty()


def test_orders_are_by_users_who_had_registered(rows: dict[str, pl.DataFrame]) -> None:
    orders = rows["orders"]
    known = orders.join(rows["users"], on="user_id")
    assert known.select((pl.col("created_at") <= pl.col("ordered_at")).all()).item()
    assert 1 - len(known) / len(orders) == pytest.approx(0.001, abs=0.0002)


def test_shipments_belong_to_orders_that_left(rows: dict[str, pl.DataFrame]) -> None:
    shipped = rows["orders"].filter(pl.col("status").is_in(["shipped", "delivered"]))
    shipments = rows["shipments"]
    assert set(shipments["order_id"]) == set(shipped["order_id"])
    arrived = shipments.filter(pl.col("status") == "delivered").unique("order_id").join(shipped, on="order_id")
    assert set(arrived["status_right"]) == {"delivered"}
    assert shipments.join(rows["couriers"], on="courier_id", how="anti").is_empty()


def test_returns_follow_deliveries(rows: dict[str, pl.DataFrame]) -> None:
    returns = rows["returns"]
    known = returns.join(rows["orders"], on="order_id")
    assert set(known["status"]) == {"delivered"}
    assert known.join(rows["order_items"], on=["order_id", "line_no"], how="anti").is_empty()
    assert 0 < 1 - len(known) / len(returns) < 0.006
    assert len(returns) / (rows["orders"]["status"] == "delivered").sum() == pytest.approx(0.05, abs=0.008)


def test_dirt_of_users(rows: dict[str, pl.DataFrame]) -> None:
    users = rows["users"]
    assert share(users, ~pl.col("email").str.contains("@")) == pytest.approx(0.003, abs=0.0003)
    assert share(users, pl.col("birth_date").dt.year() == 1850) == pytest.approx(0.001, abs=0.0003)
    assert share(users, pl.col("is_test")) == pytest.approx(0.01, abs=0.0005)
    assert share(users, pl.col("phone").is_null()) == pytest.approx(0.02, abs=0.001)
    plain = pl.col("email").str.strip_chars().str.to_lowercase()
    assert users["email"].is_unique().all()
    assert 1 - users.select(plain.n_unique()).item() / len(users) == pytest.approx(0.005, abs=0.0005)
    assert set(users.filter("is_test")["email"].str.extract("@(.*)")) == {"test.opetence.example"}
    assert set(users["segment"]) == {"new", "regular", "vip", "dormant"}


def test_dirt_of_consents(rows: dict[str, pl.DataFrame]) -> None:
    consents, users = rows["consents"], rows["users"]
    assert consents.is_duplicated().sum() / 2 / len(consents) == pytest.approx(0.003, abs=0.0005)
    analytics = consents.filter(pl.col("purpose") == "analytics").sort("recorded_at")
    asked = analytics.group_by("user_id", maintain_order=True).agg(pl.col("granted").first())
    agreed = asked["granted"].sum() / len(users)
    assert agreed == pytest.approx(0.92, abs=0.01)
    now = analytics.group_by("user_id", maintain_order=True).agg(pl.col("granted").last())
    assert 0.75 < now["granted"].sum() / len(users) < agreed


def test_dirt_of_shipments(rows: dict[str, pl.DataFrame]) -> None:
    shipments = rows["shipments"]
    exact = len(shipments) - len(shipments.unique())
    near = len(shipments.unique()) - shipments["shipment_id"].n_unique()
    assert exact / len(shipments) == pytest.approx(0.002, abs=0.0003)
    assert near / len(shipments) == pytest.approx(0.003, abs=0.0003)
    assert share(shipments, (pl.col("delivered_at") < pl.col("shipped_at")).fill_null(False)) == pytest.approx(
        0.002, abs=0.0003
    )
    stale = shipments.unique().sort("updated_at").filter(pl.col("shipment_id").is_duplicated())
    assert set(stale.group_by("shipment_id", maintain_order=True).first()["status"]) == {"created"}
    assert shipments["promised_at"].dtype == pl.Datetime("us")


def test_other_dirt(rows: dict[str, pl.DataFrame]) -> None:
    orders = rows["orders"]
    # A phone is missing where the order leaves it out (3 %) or its user has none (2 %).
    assert share(orders, pl.col("recipient_phone").is_null()) == pytest.approx(0.05, abs=0.008)
    codes = orders["voucher_code"].drop_nulls()
    clean = codes.str.strip_chars().str.to_uppercase()
    assert clean.n_unique() == 6
    assert (codes != clean).mean() == pytest.approx(0.10, abs=0.015)
    assert share(rows["products"], pl.col("name").str.contains("[ÃÅ]")) == pytest.approx(0.005, abs=0.002)


def test_late_orders_are_stamped_in_the_last_minutes_of_their_day(rows: dict[str, pl.DataFrame]) -> None:
    late = late_orders(STORY, STORY.now)
    assert len(late)
    after = Story(STORY.seed, STORY.scale, STORY.until, ticks=1)
    arrived = TABLES["orders"].rows(after, late, after.now)
    newest = rows["orders"]["updated_at"].max()
    stamps = arrived.select(pl.col("updated_at").dt.epoch("us")).to_series()
    assert len(arrived) == len(late)
    assert arrived["updated_at"].max() < newest
    assert stamps.min() >= STORY.now - LATE + MINUTE // 2
