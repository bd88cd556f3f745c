"""What a version's checks say of its newest days and of its age, by a clock that is given."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from opetence_assets.dataset import Dataset, Watch
from opetence_assets.datasets import all_datasets
from opetence_assets.lake.commits import commit
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import Table, open_table
from opetence_assets.lake.verdicts import CheckResult
from opetence_assets.privacy.treatment import treated_columns
from opetence_assets.quality.history import history
from opetence_assets.quality.judging import day_results, days_to_judge, is_watched
from opetence_assets.quality.measuring import measure
from opetence_assets.refinement.files import arrow_schema, staged
from opetence_assets.refinement.shape import table_types
from opetence_assets.settings import Settings
from opetence_assets_tests.shop import sales

watched = replace(sales, watch=Watch(figures=("amount",)))
FIRST = date(2026, 1, 5)


def sold(lake: Lake, settings: Settings, rows_a_day: list[int], *, amount: str = "10.00") -> Table:
    """Silver as a year of loads would have left it: so many sales a day, at noon."""
    before = open_table(lake, "silver/shop/sales")
    version = before.version + 1 if before else 0
    days = [FIRST + timedelta(n) for n, many in enumerate(rows_a_day) for _ in range(many)]
    moments = [datetime(day.year, day.month, day.day, 12, tzinfo=UTC) for day in days]
    types = table_types(watched)
    rows = pl.DataFrame({"sale_id": range(len(days)), "sold_at": moments, "updated_at": moments})
    filled = rows.with_columns(pl.lit(amount).alias("amount"), pl.lit(version).alias("_version"))
    missing = [pl.lit(None).alias(name) for name in types if name not in filled.columns]
    frame = filled.with_columns(missing).select(pl.col(name).cast(dtype) for name, dtype in types.items())
    files, old = staged(lake, "silver/shop/sales", [frame], settings.scratch), before.files if before else ()
    commit(lake, "silver/shop/sales", schema=arrow_schema(frame), add=files, remove=old)
    table = open_table(lake, "silver/shop/sales")
    assert table is not None
    return table


def said(lake: Lake, silver: Table, now: datetime, dataset: Dataset = watched) -> dict[str, CheckResult]:
    measure(dataset, lake, silver, now=now)
    return {result.name: result for result in day_results(dataset, lake, silver, now=now)}


def at(day: int, hour: int = 6) -> datetime:
    return datetime(FIRST.year, FIRST.month, FIRST.day, hour, tzinfo=UTC) + timedelta(days=day)


def test_half_a_day_is_found_on_the_next_morning_and_not_before(lake: Lake, settings: Settings) -> None:
    silver = sold(lake, settings, [200] * 35 + [90])

    during, after = said(lake, silver, at(35, 15)), said(lake, silver, at(36))

    assert during["usual"].passed
    assert "2026-02-08" in during["usual"].found
    assert not after["usual"].passed
    assert after["usual"].found.startswith("sales 55 % below the usual Monday (90 where ")
    assert after["usual"].metadata["rows"] == 90


def test_a_short_history_is_not_judged_and_says_so(lake: Lake, settings: Settings) -> None:
    found = said(lake, sold(lake, settings, [200] * 15 + [0, 3]), at(17))["usual"]

    assert found.passed
    assert "fewer than three weeks" in found.found


def test_after_a_pause_every_day_since_is_judged(lake: Lake, settings: Settings) -> None:
    measure(watched, lake, sold(lake, settings, [200] * 35), now=at(35))

    found = said(lake, sold(lake, settings, [200] * 36 + [90, 200, 200]), at(39))["usual"]

    assert not found.passed
    assert "on 2026-02-10" in found.found


def test_days_of_another_kind_are_judged_when_they_have_settled(lake: Lake, settings: Settings) -> None:
    slow = replace(watched, watch=Watch(by=("person_id",), settles=timedelta(days=5)))
    silver = sold(lake, settings, [200] * 40)

    assert said(lake, silver, at(40), slow)["usual"].passed


@pytest.mark.parametrize(("hours", "passed"), [(1, True), (7, True), (9, False)])
def test_age_is_that_of_the_newest_row(lake: Lake, settings: Settings, hours: int, passed: bool) -> None:
    silver = sold(lake, settings, [200] * 56)  # at 200 a day 12 intervals are 1.4 hours, beside the alarm's 6

    found = said(lake, silver, at(55, 12) + timedelta(hours=hours))["fresh"]

    assert found.passed is passed, found


def test_a_row_of_a_time_that_has_not_come_makes_nothing_fresh(lake: Lake, settings: Settings) -> None:
    silver = sold(lake, settings, [200] * 56)

    found = said(lake, silver, at(50))["fresh"]

    assert not found.passed
    assert found.allowed == "no row of a time that has not come"


def test_silence_does_not_make_a_source_slow(lake: Lake, settings: Settings) -> None:
    silver = sold(lake, settings, [1] * 56)  # twelve days of patience, however long the silence

    assert said(lake, silver, at(60))["fresh"].passed
    assert not said(lake, silver, at(90))["fresh"].passed


def test_a_day_without_a_row_is_judged_once_the_table_was_changed_after_it(lake: Lake, settings: Settings) -> None:
    silver = sold(lake, settings, [200] * 40 + [0])
    records = history(lake, silver.key) if measure(watched, lake, silver, now=at(41)) else None
    assert records is not None

    assert days_to_judge(records, silver.version, at(41)) == [date(2026, 2, 13)]
    assert days_to_judge(records, silver.version, at(41), at(40, 9)) == [date(2026, 2, 14)]
    assert days_to_judge(records, silver.version, at(41), at(41, 1)) == [date(2026, 2, 14)]


def test_a_table_that_ended_has_no_age() -> None:
    ended = [dataset for dataset in all_datasets() if dataset.freshness.alarm_after > timedelta(days=10_000)]

    assert [dataset.name for dataset in ended] == ["partners/online_retail"]


def test_no_day_is_judged_twice_that_was_over_when_it_was_measured() -> None:
    def measured(day: int, version: int, when: int) -> dict[str, object]:
        moment = datetime(2026, 1, when, 6, tzinfo=UTC)
        return {"day": date(2026, 1, day), "table_version": version, "measured_at": moment}

    rows = [measured(1, 0, 2), measured(2, 0, 2), measured(2, 1, 3), measured(3, 1, 3)]
    records = pl.DataFrame(rows).with_columns(metric_name=pl.lit("rows"), segment=pl.lit(""))

    assert days_to_judge(records, 1, datetime(2026, 1, 3, 6, tzinfo=UTC)) == [date(2026, 1, 2)]
    assert days_to_judge(records, 2, datetime(2026, 1, 4, 6, tzinfo=UTC)) == [date(2026, 1, 3)]


def test_no_personal_column_is_watched() -> None:
    for dataset in filter(is_watched, all_datasets()):
        personal = {name for treated in treated_columns(dataset) for name in (treated.source, treated.name)}
        assert personal.isdisjoint({*dataset.watch.by, *dataset.watch.distinct, *dataset.watch.figures})
