"""Whether the days a version brought are as usual, and how old its newest row is: two checks of a silver version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from opetence_assets.dataset import Dataset, Watch
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import Table
from opetence_assets.lake.verdicts import CheckResult
from opetence_assets.quality.across import NAMES, across_result, is_counted_by_day
from opetence_assets.quality.coverage import OF_DAY, day_result
from opetence_assets.quality.figures import event_column
from opetence_assets.quality.findings import Figure, Finding, judged, sentence
from opetence_assets.quality.history import history, newest
from opetence_assets.quality.measuring import newest_event
from opetence_assets.quality.usual import LONGEST, Kind, Series

AT_ONCE = 7  # days judged in one go at most: after a pause the last week, not the whole pause
SAID = 3  # findings told in full
PATIENCE = 12  # so many times its usual interval a table may be quiet beyond its alarm: chance, and the night
AHEAD = timedelta(days=1)  # what clocks and zones may be wrong by
TOLD_APART = [OF_DAY, *sorted(NAMES)]  # what says of the rows again what others say
FOREVER = timedelta(days=25_000)


def is_watched(dataset: Dataset) -> bool:
    """Whether its days are compared with what is usual."""
    return dataset.watch != Watch()


def has_age(dataset: Dataset) -> bool:
    """Whether new rows are due at all, and tell when they happened."""
    return dataset.freshness.alarm_after < FOREVER and event_column(dataset) is not None


def day_results(dataset: Dataset, lake: Lake, silver: Table, *, now: datetime) -> list[CheckResult]:
    """``usual`` where something is watched, ``fresh`` and ``every_day`` where rows are due, ``complete_by_day``
    where the source counts by day; measure before."""
    if not (is_watched(dataset) or has_age(dataset) or is_counted_by_day(dataset)):
        return []
    records = history(lake, silver.key).filter(pl.col("day").is_not_null())
    results: list[CheckResult] = []
    if is_watched(dataset):
        results.append(_usual(dataset, silver, records, now))
    if has_age(dataset):
        last = newest(records)
        rows = last.filter(pl.col("metric_name") == "rows", pl.col("segment") == "")
        results += [_fresh(dataset, silver, last, now), day_result(dataset, rows)]
    if is_counted_by_day(dataset):
        results.append(across_result(dataset, records, silver.version))
    return results


def days_to_judge(records: pl.DataFrame, version: int, now: datetime, changed: datetime | None = None) -> list[date]:
    """The newest day that is over, and those before it that ended since an earlier version was measured.

    A day without a row is over too, once the table was ``changed`` on it or later: nothing happened, or it is missing.
    """
    rows = records.filter(pl.col("metric_name") == "rows", pl.col("segment") == "", pl.col("day") < now.date())
    last: date | None = rows["day"].max()  # pyright: ignore[reportAssignmentType]
    if last is None:
        return []
    if changed is not None:
        last = max(last, min(changed.date(), now.date() - timedelta(days=1)))
    earlier = rows.filter(pl.col("table_version") < version, pl.col("day") < pl.col("measured_at").cast(pl.Date))
    before: date = earlier["day"].max() or last  # pyright: ignore[reportAssignmentType]
    count = min(AT_ONCE, max(1, (last - before).days))
    return [last - timedelta(days=n) for n in reversed(range(count))]


def series_of(records: pl.DataFrame, first: date, last: date) -> dict[Figure, Series]:
    """Every figure as a series without gaps: no row is a count and a sum of zero, and nothing to take a mean of."""
    span = (last - first).days + 1
    told = newest(records).filter(pl.col("day").is_between(first, last), ~pl.col("metric_name").is_in(TOLD_APART))
    values: dict[Figure, np.ndarray] = {}
    for (name, segment), rows in told.group_by("metric_name", "segment", maintain_order=True):
        figure = Figure(str(name), str(segment))
        empty = 0.0 if figure.kind in (Kind.COUNT, Kind.SUM) else np.nan
        values[figure] = filled = np.full(span, empty)
        filled[(rows["day"] - first).dt.total_days().to_numpy()] = rows["value"].to_numpy()
    sizes = {figure.segment: one for figure, one in values.items() if figure.name == "rows"}
    spreads = {figure: values.pop(figure) for figure in list(values) if figure.name.startswith("std(")}
    return {
        figure: Series(figure.kind, first.toordinal(), one, sizes[figure.segment], spreads.get(figure.spread))
        for figure, one in values.items()
    }


def _usual(dataset: Dataset, silver: Table, records: pl.DataFrame, now: datetime) -> CheckResult:
    changed = newest_event(dataset, silver) if dataset.cursor else None
    days, allowed = days_to_judge(records, silver.version, now, changed), "what that weekday usually brings"
    if not days:
        return CheckResult("usual", True, dataset.watch.blocking, "no day is over yet", allowed)
    settles = dataset.watch.settles
    first: date = records["day"].min()  # pyright: ignore[reportAssignmentType]
    first = max(first, days[0] - settles - timedelta(days=LONGEST + 7))
    series = series_of(records, first, days[-1])
    late = {f: one for f, one in series.items() if settles and (f.segment or f.kind is Kind.RATE)}
    at_once = {f: one for f, one in series.items() if f not in late}
    told = [judged(some, day - ago) for day in days for some, ago in ((at_once, timedelta()), (late, settles))]
    findings = [finding for one in told for finding in one.findings]
    figures = max(one.figures for one in told)
    found = _said(dataset, findings) or _nothing(days[-1], figures)
    return CheckResult(
        "usual", not findings, dataset.watch.blocking, found, allowed, _numbers(series, days[-1], figures)
    )


def _said(dataset: Dataset, findings: list[Finding]) -> str:
    more = f"; and {len(findings) - SAID} more" if len(findings) > SAID else ""
    return "; ".join(sentence(dataset.feed.name, finding) for finding in findings[:SAID]) + more


def _nothing(day: date, figures: int) -> str:
    if not figures:
        return f"{day} is not judged: fewer than three weeks of days before it to learn from"
    return f"{figures} figures of {day} are as usual"


def _numbers(series: Mapping[Figure, Series], day: date, figures: int) -> dict[str, float | int]:
    """The day's figures of the whole table, under names that stay: plotted over time."""
    at = {f.name: float(s.values[day.toordinal() - s.first]) for f, s in series.items() if not f.segment}
    return {"figures": figures, **{name: value for name, value in at.items() if not np.isnan(value)}}


def age_allowed(dataset: Dataset, records: pl.DataFrame, now: datetime) -> timedelta:
    """How old the newest row may be: the alarm's hours, and some of the intervals that rows usually come in.

    ``records`` are the newest ones, by day.
    """
    rows = records.filter(pl.col("metric_name") == "rows", pl.col("segment") == "")
    rows = rows.filter(pl.col("day") <= now.date())
    last: date = rows["day"].max() or now.date()  # pyright: ignore[reportAssignmentType]
    # Up to its last day with rows: what is silent for long must not be given longer for it.
    recent = rows.filter(pl.col("day") > last - timedelta(days=LONGEST))
    a_day = float(recent["value"].sum()) / LONGEST
    return dataset.freshness.alarm_after + timedelta(days=PATIENCE / max(a_day, 0.1))


def _fresh(dataset: Dataset, silver: Table, records: pl.DataFrame, now: datetime) -> CheckResult:
    """By its newest row, not by when somebody last looked: a load that finds nothing makes nothing younger."""
    newest_row, limit = newest_event(dataset, silver), age_allowed(dataset, records, now)
    if newest_row is None:
        return CheckResult("fresh", False, False, "no row that tells when it happened", f"younger than {_hours(limit)}")
    age = now - newest_row
    if age < -AHEAD:  # it would be young for ever
        found = f"the newest row is of {newest_row:%Y-%m-%d %H:%M} UTC, {_hours(-age)} from now"
        return CheckResult("fresh", False, False, found, "no row of a time that has not come")
    age = max(timedelta(), age)
    return CheckResult(
        "fresh",
        age <= limit,
        blocking=False,
        found=f"the newest row is of {newest_row:%Y-%m-%d %H:%M} UTC, {_hours(age)} old",
        allowed=f"{_hours(limit)}: {_hours(dataset.freshness.alarm_after)}, and {PATIENCE} times the usual interval",
        metadata={"age_hours": round(age.total_seconds() / 3600, 2)},
    )


def _hours(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:,.1f} hours" if hours < 48 else f"{hours / 24:,.1f} days"
