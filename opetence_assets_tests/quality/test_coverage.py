"""A day without rows is found where its weekday always has some, and nowhere else."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opetence_assets.quality.coverage import coverage, day_result, of_days
from opetence_assets_tests.shop import sales

FIRST = date(2026, 1, 5)  # a Monday
YEAR = 365


def rows(counts: list[float]) -> pl.DataFrame:
    days = [FIRST + timedelta(n) for n in range(len(counts))]
    frame = pl.DataFrame({"day": days, "value": counts}, schema={"day": pl.Date, "value": pl.Float64})
    return frame.filter(pl.col("value") > 0)


def counts(mean: float, seed: int = 1) -> list[float]:
    return np.random.default_rng(seed).poisson(mean, YEAR).astype(float).tolist()


@given(st.sets(st.integers(1, YEAR - 2), max_size=20), st.integers(0, 50))
def test_exactly_the_days_that_are_gone_are_missing(gone: set[int], seed: int) -> None:
    there = [0.0 if n in gone else count for n, count in enumerate(counts(40, seed))]

    found = coverage(rows(there))

    sure = {FIRST + timedelta(n) for n in gone}
    assert set(found.missing) <= sure
    assert {day for day in sure if day.month not in (1, 4, 5, 12)} <= set(found.missing)  # but for public holidays
    assert found.share == 1 - len(found.missing) / found.expected


@given(st.integers(0, 50))
def test_a_table_of_few_rows_is_expected_on_no_day(seed: int) -> None:
    assert coverage(rows(counts(2, seed))).missing == ()


def test_a_weekday_on_which_nobody_works_is_not_missing() -> None:
    assert coverage(rows([0.0 if n % 7 in (5, 6) else 50.0 for n in range(YEAR)])).share == 1


def test_a_month_without_rows_is_a_month_that_is_missing() -> None:
    there = [0.0 if 150 <= n < 180 else 50.0 for n in range(YEAR)]

    assert len(coverage(rows(there)).missing) == 30


def test_files_that_always_hold_the_same_few_rows_are_expected() -> None:
    there = [0.0 if n == 40 else 5.0 for n in range(60)]

    assert coverage(rows(there)).missing == (FIRST + timedelta(40),)


@pytest.mark.parametrize(("gone", "passed"), [(350, False), (200, True)])
def test_the_check_looks_at_the_last_eight_weeks(gone: int, passed: bool) -> None:
    found = day_result(sales, rows([0.0 if n == gone else 50.0 for n in range(YEAR)]))

    assert found.passed is passed
    assert not found.blocking
    assert found.metadata["days_present"] < 1
    assert (str(FIRST + timedelta(gone)) in found.found) is not passed


def test_a_day_is_set_against_its_weekday() -> None:
    there = rows([50.0] * 62 + [20.0])
    day = FIRST + timedelta(62)

    assert of_days(there, [day, FIRST])["value"].to_list() == [0.4]
