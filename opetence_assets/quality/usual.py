"""What a day usually brings, learned from the days before it: weekday, trend and noise, each by medians.

Medians, because the days to learn from hold the accidents of the past too: Siegel's slopes for the trend, the median of
a weekday's rests for the week, the last two weeks' median for where the level stands now (a campaign, Christmas), the
median absolute deviation for the noise. A seasonal decomposition by means was refused: one doubled load in eight weeks
moved its bounds for two months.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import lru_cache
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]

SHORTEST, LONGEST = 21, 56  # days to learn from: below three weeks a weekday was seen too seldom
RECENT = 14  # days whose median says where the level stands
FEW = 20  # rows below which a mean says nothing
QUIET = 0.6  # what a public holiday may take of a count or a sum


class Kind(Enum):
    """How a figure varies, and how far it must be off to be worth a word, however sure: (below, above)."""

    COUNT = (0.25, 0.60)  # a campaign before Christmas brings half as much again; hardly a loss is harmless
    MEAN = (0.25, 0.33)
    SUM = (0.35, 0.80)
    RATE = (0.03, 0.02)  # points, not shares
    HOUR = (1.5, 1.5)  # hours: the clocks' change is one


@dataclass(frozen=True)
class Series:
    """A figure by day, without gaps; ``sizes`` are the rows each value was made of.

    Attributes:
        first: the ordinal of the first day.
        values: one a day; NaN where there was nothing to tell from.
        spreads: of means and sums the standard deviation of a day's single rows, where it is known.
    """

    kind: Kind
    first: int
    values: Floats
    sizes: Floats
    spreads: Floats | None = None


@dataclass(frozen=True)
class Expectation:
    """What a day was to bring. ``probability``: of a value as far off, or further, by chance alone."""

    value: float
    usual: float
    low: float
    high: float
    probability: float

    def is_far(self, kind: Kind, day: date) -> bool:
        """Whether it is off by enough to be worth a word."""
        below, above = kind.value
        if kind in (Kind.COUNT, Kind.SUM) and is_holiday(day.toordinal()):
            below = QUIET
        off = self.value - self.usual
        if kind in (Kind.RATE, Kind.HOUR):
            return off < -below or off > above
        base = max(abs(self.usual), 1e-9)
        return off / base < -below or off / base > above


def expectation(series: Series, day: int) -> Expectation | None:
    """What the days before ``day`` (an ordinal) say of it; None where they are too few or it has no value."""
    at = day - series.first
    if not 0 <= at < len(series.values) or np.isnan(series.values[at]):
        return None
    start = max(0, at - LONGEST)
    seen = np.flatnonzero(~np.isnan(series.values[start:at])) + start
    seen = seen[[not is_holiday(int(n) + series.first) for n in seen]]
    if len(seen) < SHORTEST or at - seen[0] < SHORTEST:
        return None
    if series.kind is Kind.COUNT:
        return _count(series, seen, at)
    if series.kind is Kind.RATE:
        return _rate(series, seen, at)
    return _amount(series, seen, at)


@lru_cache(maxsize=4096)
def is_holiday(day: int) -> bool:
    """Whether most of Europe stays at home: Christmas and New Year, Easter, the first of May."""
    from dateutil.easter import easter

    at = date.fromordinal(day)
    fixed = (at.month, at.day) in {(1, 1), (5, 1), (12, 24), (12, 25), (12, 26), (12, 31)}
    return fixed or day - easter(at.year).toordinal() in (-2, 0, 1)


def _count(series: Series, seen: Ints, at: int) -> Expectation:
    """Counts: what is counted comes by chance even when nothing else changes, so noise is never below Poisson's."""
    values = series.values[seen]
    large = bool(np.median(values) >= 30)
    there = np.log(values + 0.5) if large else np.sqrt(values + 0.375)
    fitted, next_one = _trend_and_week(there, seen + series.first, at + series.first)
    told = np.append(fitted, next_one)
    told = np.maximum(np.exp(told) - 0.5 if large else np.square(np.maximum(told, 0)) - 0.125, 0.1)
    means, usual = told[:-1], float(told[-1])
    noise = _noise((values - means) / np.sqrt(means), len(seen))
    dispersion = max(_foreseen(len(seen)), noise**2)  # a weekday of small counts is known from a handful of them
    if not np.median(values) and values.any():  # on most days nothing, then many at once: medians see the nothing only
        usual = max(usual, float(values.mean()))
        dispersion = max(dispersion, float(values.var() / values.mean()))
    return _counted(float(series.values[at]), usual, dispersion, len(seen))


def _rate(series: Series, seen: Ints, at: int) -> Expectation | None:
    """Rates: the rows that have it, counted, against as many as the share of the days before would give."""
    rates, sizes = series.values[seen], series.sizes[seen]
    size = float(series.sizes[at])
    if size < FEW:
        return None
    order = np.argsort(rates)[len(seen) // 10 : len(seen) - len(seen) // 10]
    hits, rows = float((rates[order] * sizes[order]).sum()), float(sizes[order].sum())
    share = (hits + 0.5) / (rows + 1)
    flipped = share > 0.5  # the rarer side is the one that varies like a count
    share, value = (1 - share, 1 - float(series.values[at])) if flipped else (share, float(series.values[at]))
    spread = np.sqrt(np.maximum(share * (1 - share) / np.maximum(sizes, 1), 1e-12))
    noise = _noise((np.where(flipped, 1 - rates, rates) - share) / spread, len(seen))
    found = _counted(value * size, share * size, max(1.0, noise**2), len(seen))
    low, high = found.low / size, min(1.0, found.high / size)
    if flipped:
        return Expectation(1 - value, 1 - share, 1 - high, 1 - low, found.probability)
    return Expectation(value, share, low, high, found.probability)


def _amount(series: Series, seen: Ints, at: int) -> Expectation | None:
    """Means, sums and hours: relative where all are positive; a mean of many rows varies less than one of few."""
    from scipy.special import stdtr

    values, sizes, kind = series.values[seen], np.maximum(series.sizes[seen], 1), series.kind
    if float(series.sizes[at]) < FEW or float(np.median(sizes)) < FEW:
        return None
    if kind is Kind.SUM and not np.median(values):
        return None
    relative = kind is not Kind.HOUR and bool((values > 0).all()) and float(series.values[at]) > 0
    there = np.log(values) if relative else values
    around = float(np.median(values)) if kind is Kind.HOUR else 0.0
    value = float(series.values[at])
    if kind is Kind.HOUR:  # around the clock: 23 and 1 are two hours apart
        there, value = (values - around + 12) % 24 - 12, (value - around + 12) % 24 - 12
    fitted, usual = _trend_and_week(there, seen + series.first, at + series.first)
    weight = np.ones_like(sizes) if kind is Kind.SUM else np.sqrt(sizes)
    noise = _noise((there - fitted) * weight, len(seen))
    noise = noise / (1.0 if kind is Kind.SUM else float(np.sqrt(series.sizes[at])))
    noise = max(noise, _by_chance(series, seen, at, relative=relative), 1e-3 * max(abs(usual), 0.1))
    value = float(np.log(value)) if relative else value
    probability = 2 * float(stdtr(_freedom(len(seen)), -abs(value - usual) / noise))
    low, high = usual - 2 * noise, usual + 2 * noise
    if relative:
        value, usual, low, high = (float(np.exp(x)) for x in (value, usual, low, high))
    elif kind is Kind.HOUR:
        value, usual, low, high = value + around, usual + around, low + around, high + around
    return Expectation(value, usual, low, high, probability)


def _by_chance(series: Series, seen: Ints, at: int, *, relative: bool) -> float:
    """What a mean or a sum of so many rows varies by, were nothing but chance at work; 0 where that is not known.

    Told by the rows of the days before, their median day: a few weeks of means that happen to lie close together say
    too little, and one huge value today must not excuse itself.
    """
    if series.spreads is None:
        return 0.0
    spreads, sizes, rows = series.spreads[seen], np.maximum(series.sizes[seen], 1), float(series.sizes[at])
    means = series.values[seen] / (sizes if series.kind is Kind.SUM else 1.0)
    known = ~np.isnan(spreads) & (np.abs(means) > 0)
    if not known.any():
        return 0.0
    foreseen = float(np.sqrt(_foreseen(len(seen))))
    spread = float(np.median(spreads[known] / (np.abs(means[known]) if relative else 1.0)))
    if series.kind is Kind.SUM:
        return foreseen * (float(np.sqrt((1 + spread**2) / rows)) if relative else spread * float(np.sqrt(rows)))
    return foreseen * spread / float(np.sqrt(rows))


def _trend_and_week(values: Floats, days: Ints, day: int) -> tuple[Floats, float]:
    """Each day as trend and weekday explain it, and what they say of the next one."""
    from scipy.stats import siegelslopes

    weekday, season = days % 7, np.zeros(7)
    slope = intercept = 0.0
    for _ in range(2):
        line: Any = siegelslopes(values - season[weekday], days - day)
        slope, intercept = float(line.slope), float(line.intercept)
        rests = values - (intercept + slope * (days - day))
        season = np.array([np.median(rests[weekday == n]) if (weekday == n).any() else 0.0 for n in range(7)])
        season -= np.median(season)
    fitted = intercept + slope * (days - day) + season[weekday]
    recent = days >= day - RECENT
    now = float(np.median((values - fitted)[recent])) if recent.sum() >= 5 else 0.0
    return fitted, float(intercept + season[day % 7] + now)


def _noise(rests: Floats, days: int) -> float:
    """Their standard deviation by the median, larger for what was fitted (9 figures) and is yet to be foreseen."""
    from scipy.stats import median_abs_deviation

    spread = float(median_abs_deviation(rests, scale="normal"))  # pyright: ignore[reportArgumentType] - stub
    return spread * float(np.sqrt(days / (days - 9) * _foreseen(days)))


def _foreseen(days: int) -> float:
    """The variance of what is yet to come, over that of what was: its weekday and level are told by medians of few."""
    return 1 + 1.57 * (7 / days + 1 / RECENT)


def _counted(value: float, usual: float, dispersion: float, days: int) -> Expectation:
    """A count against a negative binomial of this mean and variance/mean, its tail widened for what is estimated."""
    from scipy.special import betainc, ndtri, pdtr, stdtr

    count, spread = round(value), 2 * float(np.sqrt(usual * dispersion))
    until = count if value < usual else count - 1
    if dispersion > 1.001:
        share = float(betainc(usual / (dispersion - 1), until + 1, 1 / dispersion)) if until >= 0 else 0.0
    else:
        share = float(pdtr(until, usual)) if until >= 0 else 0.0
    tail = min(max(share if value < usual else 1 - share, 1e-15), 0.5)
    probability = 2 * float(stdtr(_freedom(days), ndtri(tail)))
    return Expectation(value, usual, max(0.0, usual - spread), usual + spread, probability)


def _freedom(days: int) -> float:
    """Degrees of freedom of a spread told by the median: it knows about half as much as one told by squares."""
    return max(3.0, (days - 9) / 2)
