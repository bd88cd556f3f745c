"""Tables by cursor, gently: what a load may hold, where it reads, how it rests, and what equal counts hide."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from adbc_driver_postgresql import dbapi

from opetence_assets.dataset import DataError, Extract
from opetence_assets.ingestion.bronze import Request, load
from opetence_assets.lake.places import Lake
from opetence_assets.settings import Settings
from opetence_assets.sources import postgres
from opetence_assets.sources.postgres import paced
from opetence_assets.sources.postgres_server import connected, replica_of
from opetence_assets_tests.shop import NOON, Shop, sales, source

HELD = """SELECT DISTINCT mode FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.relation = 'shop.sales'::regclass AND a.application_name = 'opetence shop/sales'"""


def test_a_load_holds_no_lock_that_a_writer_would_feel(shop: Shop, shop_settings: Settings) -> None:
    shop.sell(range(50))
    extraction = sales.feed.extract(Extract(sales), shop_settings)
    held: set[tuple[Any, ...]] = set()
    for _ in extraction.batches:
        held.update(shop.ask(HELD))
        shop.sell([1], at=NOON + timedelta(hours=1))  # writers go on
    extraction.close()

    assert held == {("AccessShareLock",)}


def test_a_connection_is_read_only_and_impatient_and_says_who_it_is(shop: Shop, shop_settings: Settings) -> None:
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "application_name")
    with connected("SHOP_DSN", shop_settings, "shop/sales") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"current_setting('{name}')" for name in names))
        assert cursor.fetchone() == ("1h", "10s", "30min", "opetence shop/sales")
        with pytest.raises(dbapi.Error, match="read-only"):
            cursor.execute("DELETE FROM shop.sales")


def test_a_type_made_since_the_first_connection_is_read(shop: Shop, shop_settings: Settings) -> None:
    """The driver asks a server for its types once a process."""
    shop.sell([1])
    shop.run("CREATE TYPE shop.mood AS ENUM ('glad'); ALTER TABLE shop.sales ADD mood shop.mood DEFAULT 'glad'")

    extraction = sales.feed.extract(Extract(sales), shop_settings)

    assert [mood.as_py() for batch in extraction.batches for mood in batch["mood"]] == ["glad"]
    extraction.close()


def test_a_table_that_is_being_altered_is_left_alone(
    shop: Shop, shop_settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opetence_assets.sources import postgres_server

    shop.sell([1])
    monkeypatch.setitem(postgres_server.LIMITS, "lock_timeout", timedelta(seconds=1))
    with dbapi.connect(shop.dsn) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLE shop.sales IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DataError, match="Next: "):
            load(sales, lake, shop_settings)


def test_a_replica_is_read_where_one_is_named(shop: Shop, shop_settings: Settings) -> None:
    shop.sell([1])
    elsewhere = {**shop_settings.variables, "SHOP_DSN": "postgresql://nobody@localhost:1/none"}
    settings = replace(shop_settings, variables={**elsewhere, "SHOP_REPLICA_DSN": shop.dsn})
    assert replica_of("SHOP_DSN") == "SHOP_REPLICA_DSN"

    extraction = sales.feed.extract(Extract(sales), settings)

    assert sum(map(len, extraction.batches)) == 1
    extraction.close()
    with pytest.raises(DataError, match="SHOP_DSN"):
        sales.feed.extract(Extract(sales), replace(settings, variables={**elsewhere, "SHOP_REPLICA_DSN": " "}))


def test_a_pace_leaves_gaps_as_long_as_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, rests = [0.0], []

    def working() -> Iterator[Any]:
        for seconds in (1.0, 3.0):
            clock[0] += seconds
            yield seconds

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", rests.append)

    assert list(paced(working(), 2.0)) == [1.0, 3.0]
    assert rests == [2.0, 6.0]
    assert list(paced(working(), 0.0)) == [1.0, 3.0]
    assert rests == [2.0, 6.0]


def test_a_paced_table_is_read_whole(shop: Shop, shop_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "PACED_BYTES", 2000)
    shop.sell(range(200))
    slow = replace(sales, feed=source.table("sales", pace=0.5))

    extraction = slow.feed.extract(Extract(slow), shop_settings)

    assert sum(map(len, extraction.batches)) == 200
    extraction.close()


def test_equal_counts_hide_a_deletion_until_the_next_day_of_the_source_only(
    shop: Shop, shop_settings: Settings, lake: Lake
) -> None:
    shop.sell(range(20), at=NOON)
    load(sales, lake, shop_settings)
    shop.run("DELETE FROM shop.sales WHERE sale_id = 3")
    shop.sell([90], at=NOON - timedelta(days=9))  # below the cursor: the count is as before
    shop.sell([91], at=NOON + timedelta(hours=1))
    shop.run("DELETE FROM shop.sales WHERE sale_id = 91")
    assert load(sales, lake, shop_settings).deleted == 0
    shop.sell([5], at=NOON + timedelta(days=1))

    assert load(sales, lake, shop_settings).deleted == 1
    assert load(sales, lake, shop_settings).rows == 0
    assert load(sales, lake, shop_settings, Request(full=True)).rows == 1
