"""What is told: a seed, a size and the first day that has not happened; and when things happen in it.

Time is int64 microseconds since 1970 (UTC). Day 0 is the first of the 365 seeded days; tick n tells day 364 + n.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import numpy as np

from sandbox.chance import Floats, Ints, chance

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
YEAR = 365 * DAY
NEVER = 2**61
SEEDED_DAYS = 365
HORIZON = SEEDED_DAYS + 3660  # days that edges are known for
LATE = 5 * MINUTE  # how long before midnight a late row is stamped, at most

_WEEK = np.array([0.98, 0.93, 0.95, 1.00, 1.12, 1.16, 0.86])  # Monday first
_HOURS = np.array(
    [2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 11, 12, 11, 10, 10, 11, 12, 14, 15, 14, 11, 7, 4], dtype=np.float64
)


@dataclass(frozen=True)
class Story:
    """The parameters everything follows from.

    Attributes:
        until: the first day (UTC) that the seed does not tell.
        ticks: days told since.
    """

    seed: int
    scale: float
    until: date
    ticks: int = 0

    @property
    def start(self) -> int:
        return midnight(self.until) - SEEDED_DAYS * DAY

    @property
    def now(self) -> int:
        """The moment the story has reached: everything before it has happened."""
        return midnight(self.until) + self.ticks * DAY

    @property
    def today(self) -> date:
        """The first day that has not happened."""
        return self.until + timedelta(days=self.ticks)

    def sized(self, at_scale_1: int, least: int) -> int:
        return max(least, round(at_scale_1 * self.scale))


def midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def day_number(story: Story, moment: int) -> int:
    return (moment - story.start) // DAY


def edges(story: Story, total: int) -> Ints:
    """How many of the things of which ``total`` happen in the seeded days have happened when each day starts."""
    return _edges(story.seed, story.until, total)


@lru_cache(maxsize=16)
def _edges(seed: int, until: date, total: int) -> Ints:
    """A growing trend, weekdays, a peak before Christmas and some noise."""
    days = np.arange(HORIZON, dtype=np.int64)
    first = until - timedelta(days=SEEDED_DAYS)
    weight = 0.55 + 0.9 * days / SEEDED_DAYS
    weight *= _WEEK[(first.weekday() + days) % 7]
    in_year = (first.timetuple().tm_yday + days) % 365
    weight *= 1 + 0.35 * np.exp(-(((in_year - 345) / 14.0) ** 2))
    weight *= 0.92 + 0.16 * chance(seed, "volume", days)
    grown = np.concatenate([[0.0], np.cumsum(weight)])
    return np.rint(grown / grown[SEEDED_DAYS] * total).astype(np.int64)


@dataclass(frozen=True)
class When:
    """When each of some things happened, in order of its number."""

    moment: Ints
    day: Ints
    elapsed: Floats  # the share of its day's things that had happened, in [0, 1]
    to_midnight: Ints  # how many things of the same day come after it
    rush: Ints  # how many things its day has in its last minutes


def spread(story: Story, topic: str, total: int, index: Ints, *, rush: bool = False) -> When:
    """When the things numbered ``index`` happen: later for higher numbers, more by day than by night.

    With ``rush`` every day has a few in its last five minutes, where late commits come from.
    """
    bounds = edges(story, total)
    day = np.searchsorted(bounds, index, side="right") - 1
    many = bounds[day + 1] - bounds[day]
    nth = index - bounds[day]
    rushed = np.minimum(many, np.maximum(2, many // 60)) if rush else np.zeros_like(many)
    calm = many - rushed
    jitter = chance(story.seed, topic + ".jitter", index)
    elapsed = np.minimum((nth + jitter) / np.maximum(calm, 1), 1.0)
    last = DAY - LATE
    in_rush = last + MINUTE // 2 + (LATE - MINUTE // 2) * (nth - calm + jitter) / np.maximum(rushed, 1)
    within = np.where(nth < calm, _time_of_day(elapsed) * last, in_rush)
    moment = story.start + day * DAY + within.astype(np.int64)
    return When(moment, day, elapsed, many - 1 - nth, rushed)


def _time_of_day(elapsed: Floats) -> Floats:
    """The share of the day that has passed when this share of its things has happened."""
    grown = np.concatenate([[0.0], np.cumsum(_HOURS)]) / _HOURS.sum()
    return np.interp(elapsed, grown, np.linspace(0.0, 1.0, 25))
