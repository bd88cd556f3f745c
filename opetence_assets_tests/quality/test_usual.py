"""What a day usually brings: a share of the seeded year (``year.py``), and the corners it has not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from opetence_assets.quality.findings import Figure, judged, sentence
from opetence_assets.quality.usual import Kind, Series
from opetence_assets_tests.quality.year import LEARNING, Score, judge_table, table

MONDAY = date(2026, 3, 2)


def rows(*values: float) -> Series:
    many = np.array(values, dtype=np.float64)
    return Series(Kind.COUNT, MONDAY.toordinal(), many, many)


def test_accidents_of_a_seeded_year_are_found_and_hardly_another_day_is_called_unusual() -> None:
    score = Score()
    series, planned = table(0, 4)
    near = sorted({at for accident in planned for at in range(accident.first, accident.first + accident.days)})

    for at in near:
        judge_table(series, planned, score, range(at, at + 1))
    judge_table(*table(0, 5, accidents=False, days=LEARNING + 60), score, range(LEARNING, LEARNING + 60))

    assert score.recall >= 0.9, score.missed
    assert score.precision >= 0.9


def test_an_unusual_day_says_so_in_one_sentence() -> None:
    week = (100, 110, 105, 108, 120, 60, 0)
    series = rows(*(value * 10 for _ in range(6) for value in week), 590.0)

    (finding,) = judged({Figure("rows"): series}, MONDAY + timedelta(weeks=6)).findings

    said = sentence("orders", finding)
    assert said.startswith("orders 41 % below the usual Monday (590 where ")
    assert said.endswith("on 2026-04-13")


def test_below_three_weeks_nothing_is_judged() -> None:
    short = {Figure("rows"): rows(*[100.0] * 20, 0.0)}
    enough = {Figure("rows"): rows(*[100.0] * 21, 0.0)}

    assert judged(short, MONDAY + timedelta(20)).figures == 0
    assert len(judged(enough, MONDAY + timedelta(21)).findings) == 1


def test_a_day_of_rest_is_usual_and_so_is_a_handful_less() -> None:
    sundays_off = rows(*(value for _ in range(8) for value in (50, 50, 50, 50, 50, 50, 0)))
    few = rows(*(4, 2, 3, 5, 1, 4, 2) * 8, 0.0)

    assert judged({Figure("rows"): sundays_off}, MONDAY + timedelta(55)).findings == ()
    assert judged({Figure("rows"): few}, MONDAY + timedelta(56)).findings == ()


def test_nulls_and_hours_are_told_in_points_and_hours() -> None:
    sizes = np.full(43, 500.0)
    nulls = Series(Kind.RATE, MONDAY.toordinal(), np.array([0.03] * 42 + [0.4]), sizes)
    hours = Series(Kind.HOUR, MONDAY.toordinal(), np.array([23.8, 0.2] * 21 + [4.0]), sizes)

    found = judged({Figure("null_rate(note)"): nulls, Figure("hour"): hours}, MONDAY + timedelta(42)).findings

    said = " | ".join(sentence("orders", finding) for finding in found)
    assert "null_rate(note) of orders 37 points above" in said
    assert "time of day of orders 4." in said


def test_a_mean_may_vary_as_its_single_rows_do_however_close_the_weeks_before_lay() -> None:
    """400 seconds where 540 to 560 was usual, of 140 visits that last from nothing to half an hour: chance."""
    days = np.array([540.0, 560.0] * 21 + [400.0])
    alone = Series(Kind.MEAN, MONDAY.toordinal(), days, np.full(43, 140.0))
    told = replace(alone, spreads=np.full(43, 580.0))
    far = replace(told, values=np.append(days[:-1], 250.0))
    figure, day = Figure("mean(seconds)"), MONDAY + timedelta(42)

    found = [len(judged({figure: series}, day).findings) for series in (alone, told, far)]

    assert found == [1, 0, 1]


def test_a_weekday_of_small_counts_is_known_from_a_handful_of_them() -> None:
    """Fifteen on a Friday whose eight before had some four, of a table that has six on any day: chance."""
    week = (6, 7, 5, 6, 4, 6, 7)
    usual = [float(value + step) for step in (0, 1, -1, 0, 1, -1, 0, 0) for value in week]
    first = MONDAY - timedelta(weeks=8)
    on_a_friday = Series(Kind.COUNT, first.toordinal(), np.array([*usual, *week[:4], 15.0]), np.ones(61))
    loaded_thrice = replace(on_a_friday, values=np.append(on_a_friday.values[:-1], 30.0))

    found = [len(judged({Figure("rows"): one}, MONDAY + timedelta(4)).findings) for one in (on_a_friday, loaded_thrice)]

    assert found == [0, 1]
