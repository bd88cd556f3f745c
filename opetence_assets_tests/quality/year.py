"""A seeded year of daily figures with accidents in it: how many are found, and how many alarms are about nothing.

``python -m opetence_assets_tests.quality.year [SEEDS]`` prints recall and precision over that many years; the suite
judges a share of one. Every table has a week, a trend, noise beyond chance, campaigns, holidays and amounts that vary.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from opetence_assets.quality.findings import Figure, Judged, judged
from opetence_assets.quality.usual import Series

Floats = np.ndarray[Any, np.dtype[np.float64]]
DAYS, LEARNING, APART = 365, 60, 24
FIRST = date(2025, 1, 1)
WEEKS = ((0.98, 0.93, 0.95, 1.0, 1.12, 1.16, 0.86), (1.2, 1.2, 1.15, 1.1, 1.0, 0.3, 0.0), (1.0,) * 7)
SEGMENTS = {"currency=eur": 0.6, "currency=usd": 0.25, "currency=gbp": 0.15}


@dataclass
class Day:
    """One table's rows of a day, as figures are made of them."""

    amounts: Floats
    hours: Floats
    buyers: Any
    segments: Any
    nulls: Any


@dataclass(frozen=True)
class Accident:
    """Something that went wrong with a table on some days."""

    kind: str
    first: int
    days: int
    strike: Callable[[Day, np.random.Generator], Day]


@dataclass
class Score:
    """What was judged, found and said; ``wrong`` are alarms about nothing."""

    accidents: int = 0
    found: int = 0
    alarms: int = 0
    wrong: int = 0
    missed: list[str] = field(default_factory=list[str])

    @property
    def recall(self) -> float:
        return self.found / max(1, self.accidents)

    @property
    def precision(self) -> float:
        return 1 - self.wrong / max(1, self.alarms)


def some(share: float) -> Callable[[Day, np.random.Generator], Day]:
    return lambda day, chance: taken(day, chance.random(len(day.amounts)) < share)


def taken(day: Day, rows: Any) -> Day:
    return Day(day.amounts[rows], day.hours[rows], day.buyers[rows], day.segments[rows], day.nulls[rows])


def doubled(day: Day, chance: np.random.Generator) -> Day:
    return taken(day, np.concatenate([np.arange(len(day.amounts))] * 2))


def spiked(day: Day, chance: np.random.Generator) -> Day:
    return taken(day, chance.integers(0, max(1, len(day.amounts)), int(2.6 * len(day.amounts))))


def truncated(day: Day, chance: np.random.Generator) -> Day:
    return taken(day, day.hours < 13)


def null_burst(day: Day, chance: np.random.Generator) -> Day:
    day.nulls = day.nulls | (chance.random(len(day.nulls)) < 0.35)
    return day


def collapsed(day: Day, chance: np.random.Generator) -> Day:
    day.buyers = day.buyers % 5
    return day


def dearer(day: Day, chance: np.random.Generator) -> Day:
    day.amounts = day.amounts * 1.9
    return day


def in_cents(day: Day, chance: np.random.Generator) -> Day:
    day.amounts = np.where(day.segments == "currency=gbp", day.amounts * 100, day.amounts)
    return day


def without_segment(day: Day, chance: np.random.Generator) -> Day:
    return taken(day, day.segments != "currency=usd")


def shifted(day: Day, chance: np.random.Generator) -> Day:
    day.hours = (day.hours + 5) % 24
    return day


ACCIDENTS: dict[str, tuple[int, Callable[[Day, np.random.Generator], Day]]] = {
    "drop": (1, some(0.5)),
    "spike": (1, spiked),
    "doubled load": (1, doubled),
    "truncated day": (1, truncated),
    "null burst": (2, null_burst),
    "distinct collapse": (1, collapsed),
    "mean shift": (3, dearer),
    "currency in cents": (2, in_cents),
    "segment vanished": (2, without_segment),
    "time zone": (2, shifted),
}  # fmt: skip


def told(
    chance: np.random.Generator, usual: float, accidents: list[Accident], at: int, shape: Floats, kind: int
) -> Day:
    """The rows of one table's day."""
    week, holidays = WEEKS[kind % len(WEEKS)], (0, 120, 358, 359, 364)
    rows = usual * shape[at] * week[(FIRST + timedelta(at)).weekday()] * (0.75 if at in holidays else 1)
    many = int(chance.poisson(rows * np.exp(chance.normal(0, 0.04))))
    hours = np.clip(chance.choice([10.0, 14.0, 19.5], many, p=[0.3, 0.3, 0.4]) + chance.normal(0, 2.5, many), 0, 23.99)
    day = Day(
        amounts=np.exp(chance.normal(4.0, 0.7, many)),
        hours=hours,
        buyers=chance.integers(0, max(10, int(usual * 20)), many),
        segments=chance.choice(list(SEGMENTS), many, p=list(SEGMENTS.values())),
        nulls=chance.random(many) < 0.03,
    )
    for accident in accidents:
        if accident.first <= at < accident.first + accident.days:
            day = accident.strike(day, chance)
    return day


def figures(days: list[Day]) -> dict[Figure, Series]:
    """The series that the platform keeps of such a table."""
    sizes = np.array([len(day.amounts) for day in days], dtype=np.float64)
    first, kept = FIRST.toordinal(), dict[Figure, Floats]()
    kept[Figure("rows")] = sizes
    kept[Figure("distinct(buyer)")] = np.array([len(np.unique(day.buyers)) for day in days], dtype=np.float64)
    kept[Figure("null_rate(note)")] = _each(days, lambda day: day.nulls.mean())
    kept[Figure("hour")] = _each(days, lambda day: time_of_day(day.hours))
    kept[Figure("sum(amount)")] = np.array([day.amounts.sum() for day in days])
    kept[Figure("mean(amount)")] = _each(days, lambda day: day.amounts.mean())
    series = {figure: Series(figure.kind, first, values, sizes) for figure, values in kept.items()}
    for name in ("sum(amount)", "mean(amount)"):
        series[Figure(name)] = replace(series[Figure(name)], spreads=_each(days, lambda day: day.amounts.std()))
    for segment in SEGMENTS:
        own = [taken(day, day.segments == segment) for day in days]
        many = np.array([len(day.amounts) for day in own], dtype=np.float64)
        mean, total = _each(own, lambda day: day.amounts.mean()), np.array([day.amounts.sum() for day in own])
        spread = _each(own, lambda day: day.amounts.std())
        for name, values in (("rows", many), ("mean(amount)", mean), ("sum(amount)", total)):
            figure, spreads = Figure(name, segment), None if name == "rows" else spread
            series[figure] = Series(figure.kind, first, values, many, spreads)
    return series


def time_of_day(hours: Floats) -> float:
    """The middle of the day's rows on the clock's circle."""
    angle = hours * np.pi / 12
    return float(np.arctan2(np.sin(angle).mean(), np.cos(angle).mean()) * 12 / np.pi % 24)


def _each(days: list[Day], value: Callable[[Day], Any]) -> Floats:
    return np.array([float(value(day)) if len(day.amounts) else np.nan for day in days])


def table(
    seed: int, number: int, *, accidents: bool = True, days: int = DAYS
) -> tuple[dict[Figure, Series], list[Accident]]:
    """A table's year: its series and what went wrong in it. Tables bring from a dozen to ten thousand rows a day."""
    chance = np.random.default_rng([seed, number])
    usual = (12, 40, 120, 300, 800, 2_500, 6_000, 10_000)[number % 8]
    shape = 0.6 + 0.8 * np.arange(days) / DAYS
    shape *= 1 + 0.35 * np.exp(-(((np.arange(days) - 345) / 14.0) ** 2))
    for start in chance.integers(0, days, 8):
        shape[start : start + 3] *= 1.22  # a campaign
    names = list(ACCIDENTS)
    chance.shuffle(names)
    planned = [
        Accident(name, LEARNING + APART * n + int(chance.integers(0, 10)), *ACCIDENTS[name])
        for n, name in enumerate(names)
        if accidents and usual >= SMALLEST.get(name, 0)
    ]
    planned = [
        accident for accident in planned if WEEKS[number % 3][(FIRST + timedelta(accident.first)).weekday()] > 0.5
    ]
    return figures([told(chance, usual, planned, at, shape, number) for at in range(days)]), planned


# A dozen rows a day halve by chance twice a year: what no method can tell from chance is not asked of one.
SMALLEST = {
    **dict.fromkeys(("drop", "truncated day", "null burst", "segment vanished", "mean shift"), 100),
    **dict.fromkeys(("doubled load", "spike", "distinct collapse", "currency in cents", "time zone"), 40),
}


def judge_table(
    series: dict[Figure, Series], planned: list[Accident], score: Score, days: range
) -> list[tuple[int, Judged]]:
    """Every day as on its morning after; an alarm counts as right on the accident's days and the one after."""
    alarms: list[tuple[int, Judged]] = []
    for at in days:
        verdict = judged(series, FIRST + timedelta(at))
        if verdict.findings:
            alarms.append((at, verdict))
    hit = {at: [a for a in planned if a.first <= at < a.first + a.days] for at, _ in alarms}
    score.accidents += sum(a.first in days for a in planned)
    score.found += len({id(a) for found in hit.values() for a in found})
    score.alarms += len(alarms)
    score.wrong += sum(not found for found in hit.values())
    caught = {id(a) for found in hit.values() for a in found}
    score.missed += [a.kind for a in planned if a.first in days and id(a) not in caught]
    return alarms


def whole_year(seed: int) -> str:
    """A year of eight tables with accidents, and another without: what was found, missed and said wrongly."""
    score, clean = Score(), Score()
    for number in range(8):
        judge_table(*table(seed, number), score, range(LEARNING, DAYS))
        judge_table(*table(seed + 1000, number, accidents=False), clean, range(LEARNING, DAYS))
    return (
        f"year {seed}: {score.accidents} accidents, recall {score.recall:.3f}, precision {score.precision:.3f}, "
        f"missed {score.missed}; a clean year: {clean.alarms} alarms on {8 * (DAYS - LEARNING):,} days\n"
    )


if __name__ == "__main__":
    for year in range(int(sys.argv[1]) if len(sys.argv) > 1 else 1):
        sys.stdout.write(whole_year(year))
