"""What gold's builds counted by day is kept once, the last word on each day being the last build's."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import open_table
from opetence_assets.quality.across import SHARE
from opetence_assets.quality.history import METRICS, RECORDS, history, newest, take_in
from opetence_assets.quality.marts import COUNTS, Mart, mart_metrics, measure_build
from opetence_assets.quality.metrics import definitions

ORDERS = Mart("gold/orders", "silver/shop/orders", "team:orders")
FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 2)


def counted(*days: tuple[date, int, int]) -> pl.DataFrame:
    rows = [(ORDERS.table, ORDERS.source, *day) for day in days]
    texts, numbers = dict.fromkeys(("table", "source"), pl.String), dict.fromkeys(COUNTS, pl.Int64)
    return pl.DataFrame(rows, schema={**texts, "day": pl.Date, **numbers}, orient="row")


def last_word(lake: Lake) -> dict[tuple[date, str], float]:
    told = newest(history(lake)).select("day", "metric_name", "value")
    return {(day, name): value for day, name, value in told.iter_rows()}


def test_what_is_new_of_a_build_is_kept_and_nothing_twice(lake: Lake, tmp_path: Path) -> None:
    assert measure_build([ORDERS], lake, counted((FIRST, 3, 3), (SECOND, 4, 4)), {ORDERS.table: 0})
    assert not measure_build([ORDERS], lake, counted((FIRST, 3, 3), (SECOND, 4, 4)), {ORDERS.table: 1})
    versions = take_in(lake, tmp_path, [], mart_metrics(ORDERS))
    assert not measure_build([ORDERS], lake, counted((FIRST, 3, 3), (SECOND, 4, 4)), {ORDERS.table: 1})

    assert versions == {RECORDS: 0, METRICS: 0, "gold/data_quality_measurement_tasks": 0}
    assert last_word(lake) == {(day, n): v for day, v in ((FIRST, 3), (SECOND, 4)) for n in COUNTS} | {
        (day, SHARE): 1.0 for day in (FIRST, SECOND)
    }
    row = history(lake).row(0, named=True)
    assert (row["table_name"], row["target_system"], row["source_system"]) == (ORDERS.table, "gold", "shop")
    assert (row["segment"], row["domain"], row["table_version"]) == ("source=silver/shop/orders", "team:orders", 0)
    declared = definitions([], mart_metrics(ORDERS))
    assert set(declared["metric_name"]) == {*COUNTS, SHARE}


def test_a_refused_build_and_its_repair_are_both_told(lake: Lake) -> None:
    """The table keeps its version: what the build counted is all that says that a day was wrong, and then right."""
    measure_build([ORDERS], lake, counted((FIRST, 3, 3), (SECOND, 4, 4)), {ORDERS.table: 0})
    measure_build([ORDERS], lake, counted((FIRST, 3, 3), (SECOND, 4, 8)), {ORDERS.table: 0})
    assert last_word(lake)[SECOND, SHARE] == 0.5

    measure_build([ORDERS], lake, counted((FIRST, 3, 3), (SECOND, 4, 4)), {ORDERS.table: 0})
    assert last_word(lake)[SECOND, SHARE] == 1.0
    assert history(lake).filter(day=SECOND, metric_name="silver_rows")["value"].to_list() == [4.0, 8.0, 4.0]


def test_a_day_that_is_gone_has_no_rows_and_a_table_that_was_kept_is_as_it_was(lake: Lake) -> None:
    measure_build([ORDERS], lake, counted((FIRST, 3, 3), (SECOND, 4, 4)), {ORDERS.table: 0})
    assert measure_build([ORDERS], lake, counted((SECOND, 4, 4)), {ORDERS.table: 1})
    assert not measure_build([ORDERS], lake, counted(), {ORDERS.table: 1})

    assert [last_word(lake)[FIRST, name] for name in COUNTS] == [0, 0]


def test_many_small_files_become_one_and_no_figure_is_another(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opetence_assets.quality.history.MANY", 3)
    for rows in range(1, 6):
        measure_build([ORDERS], lake, counted((FIRST, rows, rows)), {ORDERS.table: rows})
        versions = take_in(lake, tmp_path, [], mart_metrics(ORDERS))

    table = open_table(lake, RECORDS, versions[RECORDS])
    assert table is not None
    assert sorted(file.rows for file in table.files) == [2, 3 + 2 + 2 + 2], "the share of the day is measured once"
    assert history(lake).filter(metric_name="gold_rows")["value"].to_list() == [1, 2, 3, 4, 5]
