"""What a refresh touches: the days that changed, the months they are in, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from opetence_assets.dataset import Window
from opetence_assets.lake.places import LakeError
from opetence_assets.lake.releases import Release, ReleaseConflict, current_release, roll_back
from opetence_assets.lake.tables import open_table
from opetence_assets.warehouse.build import build
from opetence_assets.warehouse.publish import ChecksFailed, publish
from opetence_assets_tests.warehouse.conftest import Warehouse
from opetence_assets_tests.warehouse.silver import START, consent, frame, silver

pytestmark = pytest.mark.dagster
Changed = Callable[[pl.DataFrame, pl.Expr, dict[str, object]], pl.DataFrame]
DAILY = (
    *("attribution", "daily_revenue", "fct_online_retail_lines", "fct_order_items", "fct_orders", "fct_payments"),
    *("fct_sessions", "fct_shipments", "fct_tickets", "product_funnel"),
)


def files(warehouse: Warehouse, name: str, release: Release) -> dict[str, str]:
    """Month → file of a released daily table."""
    table = open_table(warehouse.lake, f"gold/{name}", release.versions[f"gold/{name}"])
    assert table is not None
    day = {"fct_shipments": "shipped_on", "fct_online_retail_lines": "invoiced_on"}.get(name, "ordered_on")
    return {str(file.stats["minValues"][day])[:7]: file.path for file in table.files}


def test_nothing_changed_means_nothing_built_and_nothing_released(warehouse: Warehouse) -> None:
    before = warehouse.released
    made, release = warehouse.refreshed()
    assert made.passed
    assert made.days == dict.fromkeys(DAILY, ())
    assert release == before == current_release(warehouse.lake)
    assert not [run for run in made.check_runs if run.name == "newest_consent_holds"], (
        "unit tests of an unchanged project"
    )


def disturbed(
    changed: Changed, status: str, moved: str, lost: str, later: datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Orders and items after one was cancelled, one moved to another day and one was deleted."""
    orders, items = silver()["order_service/orders"], silver()["order_service/order_items"]
    orders = changed(orders, pl.col("order_id") == status, {"status": "cancelled"})
    moving = pl.col("order_id") == moved
    orders, items = (
        rows.with_columns(
            pl.when(moving).then(pl.lit(later)).otherwise(day).alias(day),
            pl.when(moving).then(1).otherwise("_version").alias("_version"),
        ).filter(pl.col("order_id") != lost)
        for rows, day in ((orders, "ordered_at"), (items, "created_at"))
    )
    return orders, items


def test_a_changed_a_moved_and_a_lost_order_rebuild_their_days(warehouse: Warehouse, changed: Changed) -> None:
    before, was = warehouse.released, warehouse.gold("fct_orders")
    day_of = dict(was.select("order_id", "ordered_on").iter_rows())
    status, moved, lost = (f"O{n:010}" for n in (3, 6, 9))
    later = START + timedelta(days=20)
    orders, items = disturbed(changed, status, moved, lost, later)
    left = was.filter(pl.col("order_id").is_in([moved, lost]))["ordered_at"].dt.date().unique().sort()
    warehouse.put(
        {"order_service/orders": orders, "order_service/order_items": items}, days=[day.isoformat() for day in left]
    )
    made, release = warehouse.refreshed()

    assert made.passed, made.failed
    rebuilt = set(made.days["fct_orders"] or ())
    assert {day_of[status], day_of[moved], day_of[lost], later.date()} <= rebuilt
    assert len(rebuilt) <= 6, "a UTC day that lost rows stands for two business days"
    assert made.days["fct_order_items"] == made.days["daily_revenue"] == made.days["fct_orders"]
    assert made.days["fct_shipments"] == made.days["fct_online_retail_lines"] == ()
    gold = warehouse.gold("fct_orders")
    assert gold["total"].sum() == orders["total"].sum() == warehouse.gold("fct_order_items")["line_total"].sum()
    assert gold.filter(order_id=status)["is_cancelled"].item()
    assert gold.filter(order_id=moved)["ordered_on"].item() == later.date()
    assert lost not in set(gold["order_id"])
    assert warehouse.gold("fct_orders", before).equals(was), "the older release is as it was"
    assert_only_months_of(warehouse, rebuilt, before, release)
    assert not list((warehouse.folder / "scratch").iterdir()), "a closed build leaves nothing behind"

    roll_back(warehouse.lake, to=before.number)
    assert warehouse.gold("fct_orders").equals(was)
    made, _ = warehouse.refreshed()
    assert set(made.days["fct_orders"] or ()) == rebuilt, "what changed since the release that readers see"
    assert warehouse.gold("fct_orders").equals(gold)


def assert_only_months_of(warehouse: Warehouse, days: set[date], before: Release, release: Release) -> None:
    """Other months keep their file, other tables their version."""
    for name in ("fct_orders", "fct_order_items", "daily_revenue"):
        then, now = files(warehouse, name, before), files(warehouse, name, release)
        assert {month for month in then if now[month] != then[month]} == {f"{day:%Y-%m}" for day in days}, name
        assert len(now) > len({f"{day:%Y-%m}" for day in days})
    same = ("gold/fct_shipments", "gold/dim_dates", "gold/fct_online_retail_lines", "gold/fct_ad_spend")
    assert {key: release.versions[key] for key in same} == {key: before.versions[key] for key in same}


def test_another_declaration_is_another_release_of_the_same_rows(warehouse: Warehouse) -> None:
    before = warehouse.released

    with warehouse.built() as made:
        release = publish(made, warehouse.lake, others={}, declared={"declared": "another"})

    assert (release.number, release.notes["declared"]) == (before.number + 1, "another")
    assert release.versions == before.versions


def test_gold_that_was_committed_but_never_released_is_no_base(warehouse: Warehouse, changed: Changed) -> None:
    tables, before, was = silver(), warehouse.released, warehouse.gold("fct_orders")
    orders, shipments = tables["order_service/orders"], tables["logistics_service/shipments"]
    early, late = orders["order_id"][4], shipments["order_id"][-1]
    warehouse.put({"order_service/orders": changed(orders, pl.col("order_id") == early, {"status": "cancelled"})})
    with warehouse.built() as made, pytest.raises(LakeError, match="bronze/unknown"):
        publish(made, warehouse.lake, others={"bronze/unknown": 0})
    newest = open_table(warehouse.lake, "gold/fct_orders")
    assert newest is not None
    assert newest.version > before.versions["gold/fct_orders"]
    assert warehouse.released == before

    warehouse.put(
        {"logistics_service/shipments": changed(shipments, pl.col("order_id") == late, {"promised_at": START})}
    )
    with warehouse.built(orders=0) as made:
        publish(made, warehouse.lake, others={})
    now = warehouse.gold("fct_orders")
    differs = now.join(was, on=now.columns, how="anti", nulls_equal=True)["order_id"].to_list()
    assert differs in ([late], []), "the cancelled order of the unreleased gold is not in it"
    assert not now.filter(order_id=early)["is_cancelled"].item()
    assert now["total"].sum() == was["total"].sum()


def test_a_user_who_withdraws_or_is_forgotten_is_nowhere(warehouse: Warehouse, changed: Changed) -> None:
    tables = silver()
    withdrawn, forgotten, granting = 5, 6, 2
    later = START + timedelta(days=90)
    news = [consent(200, withdrawn, granted=False, at=later), consent(201, granting, granted=True, at=later)]
    consents = pl.concat([tables["user_service/consents"], frame("user_service/consents", news, version=1)])
    users = tables["user_service/users"].filter(pl.col("user_id") != forgotten)
    warehouse.put({"user_service/consents": consents, "user_service/users": users})
    before = warehouse.gold("fct_orders")
    made, _ = warehouse.refreshed()

    assert made.passed, made.failed
    for model in made.models.values():
        if model.published and "user_id" in model.columns:
            assert not {withdrawn, forgotten} & set(warehouse.gold(model.name)["user_id"]), model.name
    orders, source = warehouse.gold("fct_orders"), tables["order_service/orders"]
    theirs = source.filter(pl.col("user_id").is_in([withdrawn, forgotten, granting]))
    days = before.filter(pl.col("order_id").is_in(theirs["order_id"].implode()))["ordered_on"]
    assert set(made.days["fct_orders"] or ()) == set(days)
    assert orders["total"].sum() == source["total"].sum()
    assert set(orders.filter(user_id=granting)["order_id"]) == set(source.filter(user_id=granting)["order_id"])
    assert granting in set(warehouse.gold("customer_lifetime_value")["user_id"])


def test_a_failing_test_blocks_and_the_release_stays(warehouse: Warehouse) -> None:
    twice = silver()["order_service/returns"].with_columns(refund_amount=pl.lit("-1.50").cast(pl.Decimal(12, 2)))
    warehouse.put({"order_service/returns": pl.concat([twice, twice.head(1)])})
    before = warehouse.released
    with warehouse.built() as made:
        assert not made.passed
        with pytest.raises(ChecksFailed, match="unique_key_of_fct_returns"):
            publish(made, warehouse.lake, others={})
    failed = [run for run in made.check_runs if run.status == "fail"]
    assert sorted((run.model, run.severity, run.failures) for run in failed) == [
        ("fct_returns", "error", 1),
        ("fct_returns", "error", len(twice) + 1),
    ]
    assert [run for run in failed if f"{len(twice) + 1} rows break: refund_amount >= 0" in run.message]
    assert warehouse.released == before
    for key, version in before.versions.items():
        table = open_table(warehouse.lake, key)
        assert table is not None
        assert table.version == version + (key == "silver/order_service/returns")


def test_a_window_rebuilds_its_business_days_and_an_absent_source_is_empty(warehouse: Warehouse) -> None:
    window = Window(datetime(2026, 1, 10, 12, tzinfo=UTC), datetime(2026, 1, 11, 23, 30, tzinfo=UTC))
    before = warehouse.released
    pinned = {key: v for key, v in before.versions.items() if key.startswith("silver/") and "inventory" not in key}
    made = build(
        warehouse.lake, warehouse.settings, scratch=warehouse.folder, sources=pinned, since=before, rebuild=window
    )
    assert made.passed, made.failed
    asked = tuple(date(2026, 1, day) for day in (10, 11, 12))  # 23:00 UTC is midnight in Berlin
    assert made.days == dict.fromkeys(DAILY, asked)
    later = roll_back(warehouse.lake, to=before.number)
    with pytest.raises(ReleaseConflict):
        publish(made, warehouse.lake, others={})
    assert warehouse.released == later
    made.close()


def test_one_file_of_a_partner_builds_only_what_it_is_for(warehouse: Warehouse) -> None:
    ads = silver()["partners/facebook_ads"].with_columns(clicks=pl.lit(11, pl.Int64), _version=pl.lit(1, pl.Int64))
    warehouse.put({"partners/facebook_ads": ads})
    before = warehouse.released
    made, release = warehouse.refreshed()
    built = {"fct_ad_spend", "campaign_performance", "marketing_roi", "marketing_budget_use"}
    named = {run.name for run in made.model_runs if run.status == "success" and made.models[run.name].published}
    assert named == built
    assert {run.name: run.rows for run in made.model_runs}["fct_orders"] == len(warehouse.gold("fct_orders"))
    moved = {key for key, version in release.versions.items() if before.versions[key] != version}
    rewritten = built - {"marketing_budget_use"}  # built again, and the same: clicks are not in it
    assert moved == {"silver/partners/facebook_ads", *(f"gold/{name}" for name in rewritten)}
    assert built <= {run.model for run in made.check_runs}
    assert warehouse.gold("campaign_performance").filter(platform="facebook")["clicks"].to_list() == [110]
