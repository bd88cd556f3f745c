"""What the first gold holds: every row and cent of silver, and no user who did not consent."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest

from opetence_assets_tests.warehouse.conftest import First
from opetence_assets_tests.warehouse.silver import SCHEMAS, silver

pytestmark = pytest.mark.dagster
TREATED = ("_hash", "_masked", "_year", "_network", "_scrubbed")
CONSENTING = {1, *range(5, 13)}  # 2 refused, 3 never answered, 4 withdrew, 13 is no user


def test_every_model_is_built_and_every_test_passes(first: First) -> None:
    _, build = first
    assert build.failed == ()
    assert {run.name for run in build.model_runs} == set(build.models)
    assert all(run.rows is not None for run in build.model_runs)
    assert {run.model for run in build.check_runs} == set(build.models)
    assert len([run for run in build.check_runs if run.name == "newest_consent_holds"]) == 1


def test_counts_and_sums_are_those_of_the_source(first: First) -> None:
    warehouse, _ = first
    orders, items = silver()["order_service/orders"], silver()["order_service/order_items"]
    gold_orders, gold_items = warehouse.gold("fct_orders"), warehouse.gold("fct_order_items")
    assert len(gold_orders) == len(orders)
    assert gold_orders["total"].sum() == orders["total"].sum() == gold_items["line_total"].sum()
    assert (
        gold_items.select("order_id", "line_no")
        .sort(pl.all())
        .equals(items.select("order_id", "line_no").sort(pl.all()))
    )
    assert warehouse.gold("daily_revenue")["booked_revenue"].sum() == orders["total"].sum()


def test_money_is_decimal(first: First) -> None:
    warehouse, build = first
    for model in build.models.values():
        if model.published:
            kinds = warehouse.gold(model.name).schema
            assert not [name for name, kind in kinds.items() if kind.is_float()], model.name


def test_nobody_is_named_without_consent(first: First) -> None:
    warehouse, build = first
    named = 0
    for model in build.models.values():
        if model.published and "user_id" in model.columns:
            users = set(warehouse.gold(model.name)["user_id"].drop_nulls())
            assert users <= CONSENTING, model.name
            named += bool(users)
    assert named >= 4
    assert warehouse.gold("fct_orders")["user_id"].null_count() > 0


def test_test_accounts_are_in_facts_and_in_no_user_mart(first: First) -> None:
    warehouse, _ = first
    assert 1 in set(warehouse.gold("fct_orders").filter("is_test")["user_id"])
    assert 1 not in set(warehouse.gold("customer_lifetime_value")["user_id"])
    of_people = warehouse.gold("fct_orders").filter(
        ~pl.col("is_test"), ~pl.col("is_cancelled"), pl.col("user_id").is_not_null()
    )
    for mart in ("customer_lifetime_value", "user_cohorts", "user_segments"):
        assert warehouse.gold(mart)["revenue"].sum() == of_people["total"].sum(), mart


def test_gold_holds_no_personal_column(first: First) -> None:
    _, build = first
    treated = {name for columns in SCHEMAS.values() for name in columns if name.endswith(TREATED)}
    assert treated
    for model in build.models.values():
        assert not treated & set(model.columns), model.name


def test_a_day_is_one_in_berlin(first: First) -> None:
    warehouse, _ = first
    days = warehouse.gold("fct_orders").select("ordered_on", pl.col("ordered_at").dt.convert_time_zone("Europe/Berlin"))
    assert days.filter(pl.col("ordered_on") != pl.col("ordered_at").dt.date()).is_empty()
    utc = warehouse.gold("fct_orders").filter(pl.col("ordered_on") != pl.col("ordered_at").dt.date())
    assert len(utc) > 0, "the fixture has no order between Berlin's midnight and UTC's"


def test_revenue_is_recognised_booked_or_cancelled_to_the_cent(first: First) -> None:
    warehouse, _ = first
    totals = warehouse.gold("revenue_recognition").select(pl.col(pl.Decimal).sum()).row(0, named=True)
    assert totals["booked"] == totals["cancelled"] + totals["outstanding"] + totals["recognised"]
    assert totals["recognised"] > totals["undated"] == Decimal(0)
