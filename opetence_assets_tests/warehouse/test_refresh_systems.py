"""Payments, visits, tickets and attribution: rebuilt by day they are what a full rebuild makes of the same silver."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import polars as pl
import pytest

from opetence_assets.lake.tables import open_table
from opetence_assets.warehouse.build import build
from opetence_assets_tests.warehouse.conftest import Warehouse
from opetence_assets_tests.warehouse.silver import SCHEMAS, START, consent, frame, silver

pytestmark = pytest.mark.dagster
Changed = Callable[[pl.DataFrame, pl.Expr, dict[str, object]], pl.DataFrame]
BY_DAY = ("attribution", "fct_payments", "fct_sessions", "fct_tickets", "product_funnel")


def assert_as_rebuilt(warehouse: Warehouse) -> None:
    """Those tables are what they are when built whole over the newest silver."""
    tables = {f"silver/{name}": open_table(warehouse.lake, f"silver/{name}") for name in SCHEMAS}
    pinned = {key: table.version for key, table in tables.items() if table}
    made = build(warehouse.lake, warehouse.settings, scratch=warehouse.folder / "whole", sources=pinned, since=None)
    assert made.passed, made.failed
    for name in BY_DAY:
        whole = made.connection.sql(f"select {', '.join(made.models[name].columns)} from gold.{name}").pl()
        assert warehouse.gold(name).sort(pl.all()).equals(whole.sort(pl.all())), name
    made.close()


def test_news_of_every_system_rebuild_their_days_as_a_full_build_would(warehouse: Warehouse, changed: Changed) -> None:
    tables, before = silver(), warehouse.gold("fct_payments")
    charges, sessions = tables["payments/charges"], tables["web/sessions"]
    refunded, late = "ch_1_0", charges.filter(pl.col("charge_id") == "ch_6_0")
    charges = changed(charges, pl.col("charge_id") == refunded, {"amount_refunded": 1})
    # An older success of an order turns up: the one known so far is no longer its first.
    older = (pl.lit("ch_6_9").alias("charge_id"), pl.col("created_at") - timedelta(days=3), pl.lit(1).alias("_version"))
    charges = pl.concat([charges, late.with_columns(older).select(charges.columns).cast(charges.schema)])
    taken_back = sessions.filter(pl.col("order_id").is_not_null())[3]
    gone = taken_back["date"].item()
    warehouse.put({"payments/charges": charges})
    warehouse.put(
        {"web/sessions": sessions.filter(pl.col("session_id") != taken_back["session_id"].item())},
        days=[gone.isoformat()],
    )
    comments = tables["support/ticket_comments"]
    answer = comments.filter(pl.col("comment_id") == 12).with_columns(
        pl.lit(19, pl.Int64).alias("comment_id"), pl.col("created_at") - timedelta(minutes=1), _version=pl.lit(1)
    )
    warehouse.put({"support/ticket_comments": pl.concat([comments, answer.cast(comments.schema)])})
    made, _ = warehouse.refreshed()

    assert made.passed, made.failed
    days = dict(before.select("charge_id", "charged_on").iter_rows())
    first = days["ch_6_0"] - timedelta(days=3)
    assert set(made.days["fct_payments"] or ()) == {days[refunded], days["ch_6_0"], first}
    assert set(made.days["fct_sessions"] or ()) == {gone, gone + timedelta(days=1)}
    roles = dict(warehouse.gold("fct_payments").select("charge_id", "role").iter_rows())
    assert (roles["ch_6_9"], roles["ch_6_0"]) == ("payment", "repeated")
    lost = warehouse.gold("attribution").filter(order_id=taken_back["order_id"].item())
    assert lost["channel"].item() == "unattributed"
    assert made.days["fct_shipments"] == made.days["fct_orders"] == made.days["product_funnel"] == ()
    lost_order_and_answers_about_consent(warehouse, changed)
    assert_as_rebuilt(warehouse)


def lost_order_and_answers_about_consent(warehouse: Warehouse, changed: Changed) -> None:
    tables, later = silver(), START + timedelta(days=90)
    orders, items = tables["order_service/orders"], tables["order_service/order_items"]
    lost = orders["order_id"][8]
    day = orders["ordered_at"][8].date().isoformat()
    gone = {
        "order_service/orders": orders.filter(pl.col("order_id") != lost),
        "order_service/order_items": items.filter(pl.col("order_id") != lost),
    }
    news = [consent(200, 5, granted=False, at=later), consent(201, 2, granted=True, at=later)]
    warehouse.put(gone, days=[day])
    consents = pl.concat([tables["user_service/consents"], frame("user_service/consents", news, version=1)])
    users = changed(tables["user_service/users"], pl.col("user_id") == 7, {"is_test": True})
    warehouse.put({"user_service/consents": consents, "user_service/users": users})
    made, _ = warehouse.refreshed()

    assert made.passed, made.failed
    payments = warehouse.gold("fct_payments")
    assert set(payments.filter(order_id=lost)["role"]) == {"unknown_order"}
    assert 2 in set(payments["user_id"])
    assert 5 not in set(payments["user_id"])
    outcome = warehouse.gold("payment_reconciliation").filter(order_id=lost)["outcome"]
    assert outcome.to_list() == ["unknown_order"]
