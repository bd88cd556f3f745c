"""How each daily model is to be built, from the lake alone: no dbt, no DuckDB."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from opetence_assets.dataset import Window
from opetence_assets.lake.commits import commit
from opetence_assets.lake.places import Lake
from opetence_assets.lake.releases import Release
from opetence_assets.warehouse.changes import Plan, plans, rebuilt_days
from opetence_assets.warehouse.models import Model
from opetence_assets_tests.warehouse.silver import frame

ORDERS = "silver/order_service/orders"
FACT = Model("facts", "day", {"day": "date"}, ("day",), True, (ORDERS,), (), "c1")
SUMS = Model("sums", "day", {"day": "date"}, ("day",), True, (ORDERS,), ("facts",), "c2")
MART = Model("mart", None, {"n": "bigint"}, ("n",), True, (ORDERS,), ("facts",), "c3")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Silver orders at version 3; gold built from version 1."""
    lake = Lake(str(tmp_path))
    for version in range(4):
        commit(lake, ORDERS, schema=schema(), metadata={"days": [f"2026-01-0{version + 1}"]}, base=version - 1)
    for model in (FACT, SUMS):
        metadata = {"checksum": model.checksum, "consumed": {ORDERS: 1}}
        commit(lake, model.table, schema=schema(), metadata=metadata)
    return lake


def schema() -> object:
    return frame("order_service/orders", []).to_arrow().schema


def released(**versions: int) -> Release:
    return Release(1, datetime(2026, 1, 1, tzinfo=UTC), {f"gold/{name}": version for name, version in versions.items()})


def planned(lake: Lake, *, at: int = 3, since: Release | None, fact: Model = FACT) -> dict[str, Plan]:
    return {plan.model.name: plan for plan in plans(lake, (fact, SUMS, MART), {ORDERS: at}, since)}


def test_days_that_rows_left_are_those_since_the_released_version(lake: Lake) -> None:
    made = planned(lake, since=released(facts=0, sums=0))
    assert set(made) == {"facts", "sums"}
    assert made["facts"].whole == ""
    assert made["facts"].consumed == {ORDERS: 1}
    assert [day for _, day in made["facts"].left] == [date(2026, 1, 3), date(2026, 1, 4)]
    assert planned(lake, at=2, since=released(facts=0, sums=0))["facts"].left == ((ORDERS, date(2026, 1, 3)),)


@pytest.mark.parametrize(
    ("since", "at", "fact", "why"),
    [
        (None, 3, FACT, "never released"),
        (released(sums=0), 3, FACT, "never released"),
        (released(facts=0, sums=0), 3, Model("facts", "day", {}, (), True, (ORDERS,), (), "c9"), "SQL changed"),
        (released(facts=0, sums=0), 0, FACT, "cannot tell"),
    ],
)
def test_a_table_that_cannot_be_built_upon_is_built_whole(
    lake: Lake, since: Release | None, at: int, fact: Model, why: str
) -> None:
    made = planned(lake, at=at, since=since, fact=fact)
    assert why in made["facts"].whole
    assert made["facts"].released is None
    assert made["sums"].whole, "what reads it is built whole as well"


def test_a_log_with_a_gap_cannot_tell(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / ORDERS / "_delta_log" / f"{2:020d}.json").unlink()
    assert "cannot tell" in planned(lake, since=released(facts=0, sums=0))["facts"].whole


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("2026-01-10T00:00+00:00", "2026-01-11T00:00+00:00", [10, 11]),  # UTC's day overlaps two of Berlin's
        ("2026-01-09T23:00+00:00", "2026-01-10T23:00+00:00", [10]),
    ],
)
def test_a_window_touches_business_days(start: str, end: str, days: list[int]) -> None:
    window = Window(datetime.fromisoformat(start), datetime.fromisoformat(end))
    assert rebuilt_days(window) == [date(2026, 1, day) for day in days]
    assert rebuilt_days(None) == []
