"""Bronze to silver: one row a key, every row accounted for, only what changed is touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from opetence_assets.dataset import DataError, Window
from opetence_assets.ingestion.bronze import Request, load
from opetence_assets.lake.places import Lake, place_at
from opetence_assets.lake.tables import Table, commits, open_table
from opetence_assets.refinement.replay import refusals, replay
from opetence_assets.refinement.silver import Refined, refine
from opetence_assets.settings import Settings
from opetence_assets_tests.shop import NOON, Shop, history, sales

LATER = NOON + timedelta(hours=1)


def table(lake: Lake, zone: str = "silver") -> Table:
    found = open_table(lake, f"{zone}/shop/sales")
    assert found is not None
    return found


def bring(lake: Lake, settings: Settings, dataset=sales, **request) -> Refined:
    load(dataset, lake, settings, Request(**request))
    return refine(dataset, lake, settings.scratch)


def test_silver_holds_the_newest_row_of_each_key(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(100))
    bring(lake, shop_settings)
    shop.sell([7], at=LATER, amount="99.00")

    done = bring(lake, shop_settings)

    silver = table(lake).scan().collect()
    assert (len(silver), done.rows_in, done.accepted) == (100, 1, 1)
    assert str(silver.filter(pl.col("sale_id") == 7)["amount"][0]) == "99.00"
    (total,) = shop.ask("SELECT sum(amount)::text FROM shop.sales")[0]
    assert str(silver["amount"].sum()) == total


def test_a_pass_with_nothing_new_commits_nothing(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(10))
    first = bring(lake, shop_settings)

    again = refine(sales, lake, shop_settings.scratch)

    assert (again.rows_in, again.version) == (0, first.version)


def test_only_the_months_of_changed_rows_are_rewritten(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(60))  # March and April
    bring(lake, shop_settings)
    before = {file.path for file in table(lake).files}
    shop.sell([3], at=LATER)

    bring(lake, shop_settings)

    after = {file.path for file in table(lake).files}
    assert len(before) == 2
    assert len(before & after) == 1
    changed = table(lake).scan().filter(pl.col("_version") == table(lake).version).collect()
    assert changed["sale_id"].to_list() == [3]


def test_a_refused_row_is_in_quarantine_with_its_reason(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(10))
    shop.sell([3], email="nobody")
    shop.run("UPDATE shop.sales SET amount = -1 WHERE sale_id = 4")

    done = bring(lake, shop_settings)

    assert (done.accepted, done.quarantined) == (8, 2)
    assert {row["reason"] for row in refusals(sales, lake)} == {
        "email: null, email: str_matches",
        "amount: greater_than_or_equal_to",
    }
    assert b"nobody" not in b"".join(file.read_bytes() for file in Path(lake.uri).rglob("*") if file.is_file())


def test_a_reload_quarantines_no_row_twice(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell([1, 2])
    shop.sell([3], email="nobody")
    bring(lake, shop_settings)

    refine(sales, lake, shop_settings.scratch, Window(NOON - timedelta(days=9), NOON + timedelta(days=99)))

    assert table(lake, "quarantine").rows == 1
    assert table(lake).rows == 2


def test_replay_moves_what_todays_rules_accept(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(5))
    shop.run("UPDATE shop.sales SET amount = 5000 WHERE sale_id < 2")
    strict = replace(sales, rules={"too dear": pl.col("amount") < 1000})
    bring(lake, shop_settings, strict)
    assert (table(lake).rows, table(lake, "quarantine").rows) == (3, 2)

    assert replay(strict, lake, shop_settings.scratch).accepted == 0
    assert replay(sales, lake, shop_settings.scratch).accepted == 2

    assert (table(lake).rows, table(lake, "quarantine").rows) == (5, 0)
    assert replay(sales, lake, shop_settings.scratch).accepted == 0


def test_deleted_rows_leave_silver_and_say_which_day_they_left(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(10))
    bring(lake, shop_settings)
    shop.run("DELETE FROM shop.sales WHERE sale_id = 4")

    done = bring(lake, shop_settings)

    assert (done.deleted, table(lake).rows) == (1, 9)
    assert commits(lake, "silver/shop/sales")[-1].metadata["days"] == ["2026-03-05"]


def test_history_keeps_every_version_and_one_is_current(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell([1, 2])
    bring(lake, shop_settings, history)
    shop.sell([1], at=LATER, amount="20.00")
    bring(lake, shop_settings, history)
    shop.sell([1], at=LATER + timedelta(hours=1), amount="20.00")  # only the cursor moved
    bring(lake, shop_settings, history)

    versions = table(lake).scan().filter(pl.col("sale_id") == 1).sort("valid_from").collect()

    assert versions["valid_from"].to_list() == [NOON, LATER]
    assert versions["valid_to"].to_list() == [LATER, None]
    assert versions["is_current"].to_list() == [False, True]


def test_a_late_version_finds_its_place_in_history(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell([1], at=LATER, amount="20.00")
    bring(lake, shop_settings, history)
    shop.sell([1], at=LATER - timedelta(minutes=5), amount="10.00")

    bring(lake, shop_settings, history)

    versions = table(lake).scan().sort("valid_from").collect()
    assert [str(amount) for amount in versions["amount"]] == ["10.00", "20.00"]
    assert versions["is_current"].to_list() == [False, True]


def test_a_tidy_that_loses_rows_is_refused(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(10))
    careless = replace(sales, tidy=lambda raw: raw.filter(pl.col("sale_id") > 3))

    with pytest.raises(DataError, match="tidy turned 10 rows into 6"):
        bring(lake, shop_settings, careless)
    assert open_table(lake, "silver/shop/sales") is None


def test_a_declared_filter_is_counted(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(10))
    choosy = replace(sales, filters={"test sales": pl.col("sale_id") < 4})

    done = bring(lake, shop_settings, choosy)

    assert (done.accepted, done.filtered, done.rows_in) == (6, 4, 10)


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    loads=st.lists(
        st.lists(st.tuples(st.integers(0, 12), st.integers(0, 50), st.integers(-2, 90)), min_size=1, max_size=20),
        min_size=1,
        max_size=4,
    )
)
def test_any_order_of_arrival_gives_the_newest_state(loads: list, tmp_path_factory, settings: Settings) -> None:
    """Against a model that is a dictionary: late, repeated and refused rows included."""
    from opetence_assets.lake.commits import commit
    from opetence_assets.refinement.files import arrow_schema, staged
    from opetence_assets_tests.datasets.samples import landed

    lake = place_at(str(tmp_path_factory.mktemp("lake")))
    plain = replace(sales, subject=None)
    newest: dict[int, tuple[int, int]] = {}
    rows_in = refused = 0
    for number, rows in enumerate(loads):
        frame = landed(
            plain, [{"sale_id": k, "updated_at": NOON + timedelta(seconds=s), "amount": a} for k, s, a in rows]
        )
        frame = frame.drop("_row").with_columns((pl.col("_loaded_at") + timedelta(days=number)).alias("_loaded_at"))
        files = staged(lake, "bronze/shop/sales", [frame], settings.scratch)
        commit(lake, "bronze/shop/sales", schema=arrow_schema(frame), add=files)
        done = refine(plain, lake, settings.scratch)
        assert done.conserved()
        rows_in, refused = rows_in + done.rows_in, refused + done.quarantined
        for key, second, amount in rows:
            if amount >= 0 and second >= newest.get(key, (-1, 0))[0]:
                newest[key] = (second, amount)
    silver = open_table(lake, "silver/shop/sales")
    assert silver is not None
    state = {
        row["sale_id"]: (int((row["updated_at"] - NOON).total_seconds()), int(row["amount"]))
        for row in silver.scan().collect().to_dicts()
    }
    assert state == newest
    assert rows_in == sum(len(rows) for rows in loads)
    assert refused == sum(amount < 0 for rows in loads for _, _, amount in rows)
