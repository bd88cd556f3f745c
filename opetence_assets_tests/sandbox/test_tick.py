from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from opetence_assets_tests.sandbox.database import as_text, ask, checksums, order, stored, told, wipe
from sandbox import SandboxError, seed, tick
from sandbox.goods import how_many_products
from sandbox.load import all_tables
from sandbox.story import Story
from sandbox.table import Table

TABLES = {table.name.split(".")[1]: table for table in all_tables()}
NOT_TOLD = "updated_at"  # of products after the third tick: all were touched when the column came


@dataclass(frozen=True)
class Days:
    """The database at each midnight: the seed's, and after each tick."""

    told: list[Story]
    rows: list[dict[str, pl.DataFrame]]
    newest: list[datetime]

    def at(self, day: int, table: str) -> pl.DataFrame:
        return self.rows[day][table]


@pytest.fixture(scope="module")
def days(home: Path, story: Story) -> Days:
    """Three ticks, the database read after each."""
    stories, rows, newest = [story], [_everything(home, story)], [_newest(home)]
    for _ in range(3):
        stories.append(tick(home))
        rows.append(_everything(home, stories[-1]))
        newest.append(_newest(home))
    return Days(stories, rows, newest)


def _everything(home: Path, story: Story) -> dict[str, pl.DataFrame]:
    return {name: stored(home, table, told(story, table)) for name, table in TABLES.items()}


def _newest(home: Path) -> datetime:
    return ask(home, "SELECT max(updated_at) FROM order_service.orders")[0][0]


def changed(days: Days, day: int, table: str) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Rows inserted, updated (as they are now) and deleted by the tick that ended at this midnight."""
    before, after, key = days.at(day - 1, table), days.at(day, table), TABLES[table].key
    inserted = after.join(before, on=key, how="anti")
    deleted = before.join(after, on=key, how="anti")
    updated = after.join(before, on=after.columns, how="anti", nulls_equal=True).join(inserted, on=key, how="anti")
    return inserted, updated, deleted


@pytest.mark.parametrize("day", [1, 2, 3])
@pytest.mark.parametrize("table", all_tables(), ids=lambda table: table.name)
def test_ticks_lead_to_the_story_as_it_would_be_told_then(days: Days, table: Table, day: int) -> None:
    expected = as_text(told(days.told[day], table))
    found = days.at(day, table.name.split(".")[1])
    if table.name == "product_service.products" and day == 3:
        expected, found = expected.drop(NOT_TOLD), found.drop(NOT_TOLD)
    assert found.equals(expected)


def test_days_are_counted(home: Path, days: Days) -> None:
    assert [story.ticks for story in days.told] == [0, 1, 2, 3]
    assert ask(home, "SELECT ticks, until FROM sandbox.story") == [(3, days.told[0].until)]


@pytest.mark.parametrize("day", [1, 2, 3])
def test_orders_come_and_change(days: Days, day: int) -> None:
    inserted, updated, deleted = changed(days, day, "orders")
    assert len(inserted) >= 4
    assert set(updated["status"]) >= {"shipped", "delivered"}
    assert deleted.is_empty()
    assert len(changed(days, day, "order_items")[0]) > len(inserted)


@pytest.mark.parametrize("day", [1, 2, 3])
def test_some_rows_were_committed_late(days: Days, day: int) -> None:
    """A reader that asks for what is newer than the newest it has seen never gets these."""
    for table in ("orders", "order_items"):
        inserted = changed(days, day, table)[0].with_columns(pl.col("updated_at").str.to_datetime(time_zone="UTC"))
        late = inserted.filter(pl.col("updated_at") < days.newest[day - 1])
        assert not late.is_empty()
        assert late["updated_at"].min() > days.newest[day - 1] - timedelta(minutes=5)


def test_older_orders_change_by_returns(days: Days) -> None:
    returned = pl.concat([changed(days, day, "returns")[0] for day in (1, 2, 3)])
    updated = pl.concat([changed(days, day, "orders")[1] for day in (1, 2, 3)])
    assert not returned.is_empty()
    assert set(returned["order_id"]) <= set(updated["order_id"])


def test_people_register_move_change_and_withdraw(days: Days) -> None:
    users = [changed(days, day, "users") for day in (1, 2, 3)]
    addresses = [changed(days, day, "addresses") for day in (1, 2, 3)]
    assert sum(len(inserted) for inserted, _, _ in users)
    assert sum(len(updated) for _, updated, _ in users)
    assert sum(len(deleted) for _, _, deleted in addresses)
    assert sum(len(inserted) for inserted, _, _ in addresses)
    fresh = days.at(3, "consents").join(days.at(0, "consents"), on="consent_id", how="anti")
    assert not fresh.is_empty()


def test_stock_and_prices_move(days: Days) -> None:
    stock = [changed(days, day, "inventory") for day in (1, 2, 3)]
    assert all(len(updated) for _, updated, _ in stock)
    assert sum(len(deleted) for _, _, deleted in stock)
    assert sum(len(changed(days, day, "prices")[0]) for day in (1, 2, 3))
    assert all(changed(days, day, "prices")[1].is_empty() for day in (1, 2, 3))


def test_shipments_leave_and_arrive(days: Days) -> None:
    before, after = days.at(0, "shipments"), days.at(3, "shipments")
    assert after["shipment_id"].n_unique() > before["shipment_id"].n_unique()
    assert (after["status"] == "delivered").sum() > (before["status"] == "delivered").sum()


def test_everything_is_stamped_inside_the_story(days: Days) -> None:
    for day in (1, 2, 3):
        end = days.told[day].today.isoformat()
        assert all(rows[TABLES[name].cursor].max() < end for name, rows in days.rows[day].items())


def test_the_third_tick_adds_a_column(home: Path, days: Days) -> None:
    filled = ask(home, "SELECT count(*), count(weight_grams), count(DISTINCT updated_at) FROM product_service.products")
    assert filled[0][0] == filled[0][1] == how_many_products(days.told[3])
    assert filled[0][2] < 10  # nearly all at one moment: the cursor has ties
    assert min(days.at(3, "products")["updated_at"]) >= f"{days.told[2].today} 23:00"


def test_a_failed_tick_changes_nothing_and_can_be_done_again(home: Path, days: Days) -> None:
    order(home, "ALTER TABLE logistics_service.shipments RENAME TO hidden")
    with pytest.raises(Exception, match="shipments"):
        tick(home)
    order(home, "ALTER TABLE logistics_service.hidden RENAME TO shipments")
    assert ask(home, "SELECT ticks FROM sandbox.story") == [(3,)]
    assert _everything(home, days.told[3])["orders"].equals(days.at(3, "orders"))
    assert tick(home).ticks == 4


def test_ticks_are_deterministic(home: Path, days: Days) -> None:
    seed(home, days.told[0].scale, seed=7)  # after ticks as before: nothing to do
    before, ticks = checksums(home), ask(home, "SELECT ticks FROM sandbox.story")[0][0]
    wipe(home)
    seed(home, days.told[0].scale, seed=7, until=days.told[0].until)
    for _ in range(ticks):
        tick(home)
    assert checksums(home) == before


def test_the_future_cannot_be_told(home: Path) -> None:
    wipe(home)
    with pytest.raises(SandboxError, match="empty"):
        tick(home)
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    seed(home, 0.01, until=yesterday)
    tick(home)
    with pytest.raises(SandboxError, match=r"not over yet.*Next:"):
        tick(home)
    assert ask(home, "SELECT ticks FROM sandbox.story") == [(1,)]


def test_a_seed_leaves_room_for_a_month_of_ticks(home: Path) -> None:
    wipe(home)
    story = seed(home, 0.01)
    assert story.until == date.fromordinal(datetime.now(UTC).toordinal() - 30)
