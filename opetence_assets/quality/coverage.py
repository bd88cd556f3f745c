"""Which days there should be rows of and are none, and how much of its weekday's usual rows a day has.

Only days between the first and the last with rows: what is due after the last one is ``fresh``'s to say. A weekday is
expected where it nearly always had rows and so many that chance alone would hardly leave it without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.lake.verdicts import CheckResult
from opetence_assets.quality.usual import LONGEST, Floats, is_holiday

WEEKS = 8  # before and after a day, whose weekday's median says what is usual
NEARLY_ALWAYS = 0.75  # of the weekdays had rows
SURE = 12.0  # usual rows, in units of how they scatter: e⁻¹² is the chance of none
SAID = 5  # days named
OF_DAY = "completeness_of_day"


@dataclass(frozen=True)
class Coverage:
    """How many days were expected, and those without a row, oldest first."""

    expected: int
    missing: tuple[date, ...]
    last: date | None = None

    @property
    def share(self) -> float | None:
        """None where no day is sure to have rows."""
        return 1 - len(self.missing) / self.expected if self.expected else None


def coverage(rows: pl.DataFrame) -> Coverage:
    """``rows``: ``day`` and ``value`` of each day with rows, in any order."""
    there = rows.filter(pl.col("value") > 0).sort("day")
    if there.height < 3 * WEEKS:
        return Coverage(0, ())
    first: date = there["day"][0]
    counts = np.zeros((there["day"][-1] - first).days + 1)
    counts[(there["day"] - first).dt.total_days().to_numpy()] = there["value"].to_numpy()
    usual, always = _usual(counts), _share_of_weekday(counts)
    filled = (counts > 0) & (usual > 0)
    rests = (counts[filled] - usual[filled]) / np.sqrt(usual[filled])
    scatter = max(0.1, _variance(rests))
    expected = (usual / scatter >= SURE) & (always >= NEARLY_ALWAYS)
    gone = [first + timedelta(days=int(at)) for at in np.flatnonzero(expected & (counts == 0))]
    missing = tuple(day for day in gone if not is_holiday(day.toordinal()))
    return Coverage(int(expected.sum()) - (len(gone) - len(missing)), missing, there["day"][-1])


def _usual(counts: Floats) -> Floats:
    """The median of the same weekday's days that had rows, in the weeks around each day."""
    padded = np.full(len(counts) + 14 * WEEKS, np.nan)
    padded[7 * WEEKS : 7 * WEEKS + len(counts)] = np.where(counts > 0, counts, np.nan)
    around = np.stack([padded[7 * week : 7 * week + len(counts)] for week in range(2 * WEEKS + 1)])
    order = np.sort(around, axis=0)  # NaN last
    known = (~np.isnan(order)).sum(axis=0)
    middle = np.take_along_axis(order, np.maximum(known - 1, 0)[None, :] // 2, axis=0)[0]
    return np.where(known >= 3, middle, 0.0)


def _variance(rests: Floats) -> float:
    """Less the furthest in fifty, which are accidents. Not by the median: of ones and twos it says they never vary."""
    squares = np.sort(np.square(rests))
    return float(squares[: max(1, len(squares) * 49 // 50)].mean()) if len(squares) else 1.0


def _share_of_weekday(counts: Floats) -> Floats:
    days = np.arange(len(counts)) % 7
    shares = np.array([(counts[days == n] > 0).mean() if (days == n).any() else 0.0 for n in range(7)])
    return shares[days]


def of_days(rows: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """``completeness_of_day`` of some days: rows / the median of that weekday in the eight weeks before, as far as
    there were any in three of them. Of the last eight weeks only: what a day lacked years ago helps nobody."""
    known = dict(rows.select("day", "value").iter_rows())
    last = max(known, default=None)
    told: list[tuple[date, float]] = []
    for day in days:
        before = [known.get(day - timedelta(weeks=week), 0.0) for week in range(1, WEEKS + 1)]
        if last is not None and last - day <= timedelta(days=LONGEST) and sum(map(bool, before)) >= 3:
            usual = float(np.median(before))
            told += [(day, known.get(day, 0.0) / usual)] if usual >= 1 else []
    frame = pl.DataFrame(told, schema={"day": pl.Date, "value": pl.Float64}, orient="row")
    return frame.with_columns(pl.lit(OF_DAY).alias("metric_name"), pl.lit("").alias("segment"))


def day_result(dataset: Dataset, rows: pl.DataFrame) -> CheckResult:
    """``every_day``: the last eight weeks of a table with rows by day; ``rows`` as for ``coverage``."""
    found = coverage(rows)
    recent = [day for day in found.missing if found.last and found.last - day <= timedelta(days=LONGEST)]
    named = ", ".join(map(str, recent[-SAID:])) + (f" and {len(recent) - SAID} more" if len(recent) > SAID else "")
    share = {"days_present": found.share} if found.share is not None else {}
    return CheckResult(
        "every_day",
        not recent,
        blocking=False,
        found=f"no row of {named}" if recent else f"{found.expected - len(found.missing):,} of {found.expected:,} days",
        allowed="rows of every weekday that has always had enough to be expected; to read a day again: "
        f"opetence run --select {dataset.name} --reload",
        metadata={"expected_days": found.expected, **share},
    )
