"""What the report says, as data: the page and the JSON are two ways to show the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum


class Light(Enum):
    """A traffic light; its word stands beside its colour, for those who see none."""

    GOOD = "good"
    LOOK = "look"
    STOP = "stop"


@dataclass(frozen=True)
class Odd:
    """A day that was not as usual."""

    day: date
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Trend:
    """A figure by day, without gaps; None where there is nothing to tell."""

    name: str
    first: date
    values: tuple[float | None, ...]
    odd: tuple[Odd, ...] = ()

    @property
    def last(self) -> float | None:
        return self.values[-1] if self.values else None

    @property
    def last_day(self) -> date:
        return self.first + timedelta(days=len(self.values) - 1)


@dataclass(frozen=True)
class Kept:
    """How an agreement was kept over the days told of.

    Attributes:
        freshness: share of the time in which the newest row was young enough; None where no row is ever due.
        alarms: how often it stopped being so.
        complete: versions in which nothing was missing, of ``checked`` ones.
        since: from when on anything is known.
    """

    freshness: float | None
    alarms: int
    complete: int
    checked: int
    since: datetime | None


@dataclass(frozen=True)
class Failing:
    """A check that does not hold."""

    table: str
    check: str
    blocking: bool
    found: str
    allowed: str
    next_command: str


@dataclass(frozen=True)
class Refused:
    """Rows that wait in quarantine."""

    dataset: str
    reason: str
    rows: int
    since: datetime
    share: float  # of all rows taken in


@dataclass(frozen=True)
class Changed:
    """A change of a source's columns."""

    dataset: str
    change: str
    outcome: str
    at: str


@dataclass(frozen=True)
class Linked:
    """What is missing of the counterparts in another dataset."""

    dataset: str
    to: str
    missing: float
    allowed: float


@dataclass(frozen=True)
class DayRows:
    """A day's rows wherever they lie: whether they agree, how many are too many (below zero: missing), in words."""

    day: date
    agrees: bool
    off: int
    said: str


@dataclass(frozen=True)
class Across:
    """A table by day, oldest first, and what to type where a day differs."""

    table: str
    days: tuple[DayRows, ...]
    next_command: str

    @property
    def wrong(self) -> tuple[DayRows, ...]:
        return tuple(day for day in self.days if not day.agrees)


@dataclass(frozen=True)
class Quality:
    """One dataset: what its checks, its newest measurement and its last days say."""

    dataset: str
    system: str
    owner: str
    light: Light
    why: str
    rows: int
    passed: int
    failing: tuple[Failing, ...]
    completeness: float | None  # keys of the source that are in silver or in quarantine; None: it cannot tell
    age_hours: float | None
    age_allowed_hours: float | None
    null_column: str | None  # the emptiest column for what it may be
    null_rate: float | None
    null_allowed: float | None
    trends: tuple[Trend, ...]
    kept: Kept


@dataclass(frozen=True)
class Report:
    """The whole report, as of ``now``: the clock that the age of data is told by."""

    environment: str
    now: datetime
    release: int | None
    released_at: datetime | None
    release_age_hours: float | None
    light: Light
    verdict: str
    passed: int
    datasets: tuple[Quality, ...]
    gold: tuple[Failing, ...]
    refused: tuple[Refused, ...]
    drift: tuple[Changed, ...]
    links: tuple[Linked, ...]
    across: tuple[Across, ...] = ()

    @property
    def failing(self) -> tuple[Failing, ...]:
        """Every check that does not hold, those that block first."""
        found = [*(each for quality in self.datasets for each in quality.failing), *self.gold]
        return tuple(sorted(found, key=lambda each: (not each.blocking, each.table, each.check)))

    @property
    def freshness_kept(self) -> float | None:
        """The mean over the datasets that are due at all."""
        return mean(q.kept.freshness for q in self.datasets if q.kept.freshness is not None)

    @property
    def completeness_kept(self) -> float | None:
        """Complete versions of those checked, over all datasets."""
        checked = sum(quality.kept.checked for quality in self.datasets)
        return sum(quality.kept.complete for quality in self.datasets) / checked if checked else None


def mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return sum(found) / len(found) if found else None
