"""What each table's days looked like lately, and which of them were not as usual."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.quality.findings import FALSE_ALARMS, Figure
from opetence_assets.quality.judging import series_of
from opetence_assets.quality.usual import LONGEST, Series, expectation
from opetence_assets.report.facts import Odd, Trend

SHOWN = 56  # days
JUDGED = 28  # of them: marked where they are odd
AT_MOST = 3  # pictures a dataset


def trends(dataset: Dataset, records: pl.DataFrame, now: datetime, figures: int) -> tuple[Trend, ...]:
    """Rows first, then what is watched; the days that are over. ``figures``: among how many chance is shared.

    ``records`` are the newest ones of one table, by day.
    """
    known = records.filter(pl.col("segment") == "", pl.col("day") < now.date())
    rows = known.filter(pl.col("metric_name") == "rows")
    last: date | None = rows["day"].max()  # pyright: ignore[reportAssignmentType]
    first: date | None = rows["day"].min()  # pyright: ignore[reportAssignmentType]
    if last is None or first is None:
        return ()
    yesterday = now.date() - timedelta(days=1)
    last = yesterday if yesterday - last < timedelta(days=SHOWN) else last  # a feed that has ended ends where it ended
    series = series_of(known, max(first, last - timedelta(days=SHOWN + LONGEST)), last)
    names = [f"{kind}({name})" for name in dataset.watch.figures for kind in ("sum", "mean")]
    names = ["rows", *names, *(f"distinct({name})" for name in dataset.watch.distinct)]
    return tuple(_trend(Figure(name), series[Figure(name)], last, figures) for name in names if Figure(name) in series)[
        :AT_MOST
    ]


def _trend(figure: Figure, series: Series, last: date, figures: int) -> Trend:
    values = series.values[-SHOWN:]
    return Trend(
        figure.name,
        last - timedelta(days=len(values) - 1),
        tuple(None if np.isnan(value) else float(value) for value in values),
        tuple(_odd(figure, series, last, figures)),
    )


def _odd(figure: Figure, series: Series, last: date, figures: int) -> list[Odd]:
    """Days judged as the check judges them, but by what is known of them today."""
    found: list[Odd] = []
    for ago in reversed(range(JUDGED)):
        day = last - timedelta(days=ago)
        told = expectation(series, day.toordinal())
        if told and told.probability < FALSE_ALARMS / max(1, figures) and told.is_far(figure.kind, day):
            found.append(Odd(day, told.value, told.low, told.high))
    return found
