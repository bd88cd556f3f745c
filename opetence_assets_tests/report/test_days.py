"""Days from source to gold: silent where every day agrees, and where one does not it is named, counted and coloured."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl

from opetence_assets.quality.across import ZONES
from opetence_assets.quality.history import RECORD_TYPES
from opetence_assets.quality.marts import COUNTS
from opetence_assets.report.calendar import across
from opetence_assets.report.days import days_across
from opetence_assets.report.facts import Light
from opetence_assets.report.judging import verdict_of
from opetence_assets_tests.report.test_page import NOON, read, report
from opetence_assets_tests.shop import sales

DAY, BEFORE = NOON.date(), NOON.date() - timedelta(days=1)
SILVER, GOLD = sales.table("silver"), "gold/fct_sales"


def records(table: str, zone: str, version: int, day: date, rows: dict[str, int]) -> pl.DataFrame:
    fixed = {"table_name": table, "target_system": zone, "table_version": version, "day": day, "segment": ""}
    fixed |= {"segment": f"source={SILVER}"} if zone == "gold" else {}
    told = [{**fixed, "metric_name": name, "value": value, "measured_at": NOON} for name, value in rows.items()]
    return pl.DataFrame(told, schema=RECORD_TYPES)


def silver(version: int, day: date, *rows: int) -> pl.DataFrame:
    return records(SILVER, "silver", version, day, dict(zip(ZONES, rows, strict=True)))


def gold(version: int, day: date, *rows: int) -> pl.DataFrame:
    return records(GOLD, "gold", version, day, dict(zip(COUNTS, rows, strict=True)))


def test_only_the_newest_count_is_told_and_each_hop_by_its_own_numbers() -> None:
    known = [silver(1, BEFORE, 9, 8, 8, 0), silver(2, BEFORE, 9, 9, 8, 1), silver(2, DAY, 7, 6, 6, 0)]
    known += [gold(4, BEFORE, 5, 8), gold(5, BEFORE, 8, 8), gold(5, DAY, 12, 6)]

    of_silver, of_gold = days_across([sales], pl.concat(known))

    assert [(row.day, row.agrees, row.off) for row in of_silver.days] == [(BEFORE, True, 0), (DAY, False, -1)]
    assert of_silver.wrong[0].said == "7 rows at the source, 6 in bronze, 6 in silver, 0 only in quarantine"
    assert of_silver.next_command == "opetence run --select shop/sales --reload"
    assert [(row.day, row.off, row.said) for row in of_gold.wrong] == [(DAY, 6, f"12 rows in gold, 6 in {SILVER}")]
    assert of_gold.next_command == f"opetence run --select gold --rebuild-from {DAY} --rebuild-to 2026-03-02"
    assert days_across([sales], pl.DataFrame(schema=RECORD_TYPES)) == ()


def test_the_calendar_shows_what_differs_and_is_one_sentence_where_nothing_does() -> None:
    whole = days_across([sales], silver(2, DAY, 7, 7, 7, 0))
    wrong = days_across([sales], pl.concat([silver(2, DAY, 7, 7, 7, 0), gold(5, BEFORE, 12, 6), gold(5, DAY, 6, 6)]))

    quiet = read(str(across(replace(report("orders"), across=whole))))
    shown = read(str(across(replace(report("orders"), across=wrong))))

    assert "table" not in quiet.tags
    assert "✓ good 1 day of 1 table: each has as many rows" in quiet.text
    assert "fct_sales" in shown.text
    assert "shop/sales" not in shown.text.replace(SILVER, "")
    assert f"{BEFORE}: 12 rows in gold, 6 in {SILVER}" in shown.text
    assert ("class", "day off") in shown.attributes
    assert str(across(replace(report("orders"), across=()))) == ""


def test_gold_that_differs_from_silver_is_not_what_people_read() -> None:
    from opetence_assets.lake.releases import Release

    release = Release(3, datetime(2026, 3, 1, tzinfo=UTC), {}, {})
    light, said = verdict_of(release, (), (), days_across([sales], gold(5, DAY, 12, 6)))

    assert light is Light.STOP
    assert said.startswith("Not today's: release 3")
    assert GOLD in said
