"""Which figures of a day are unlike that weekday's, and how to say so in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from opetence_assets.quality.usual import Expectation, Kind, Series, expectation

FALSE_ALARMS = 1e-3  # by table and judged day, shared among its figures (Bonferroni); measured: not quite twice as many


@dataclass(frozen=True)
class Figure:
    """A figure by day: ``sum(total)`` where ``status=paid``."""

    name: str
    segment: str = ""

    @property
    def kind(self) -> Kind:
        """From its name: ``sum(…)``, ``mean(…)``, ``null_rate(…)``, ``hour``; anything else counts."""
        kinds = {"sum": Kind.SUM, "mean": Kind.MEAN, "std": Kind.MEAN, "null_rate": Kind.RATE, "hour": Kind.HOUR}
        return kinds.get(self.name.partition("(")[0], Kind.COUNT)

    @property
    def spread(self) -> Figure:
        """The figure that says how far the single rows lie apart that a sum or a mean is made of."""
        return Figure(f"std({self.name.partition('(')[2]}", self.segment)


@dataclass(frozen=True)
class Finding:
    """One figure of one day that is not as usual."""

    figure: Figure
    day: date
    found: Expectation


@dataclass(frozen=True)
class Judged:
    """What was found of a day, rows first, then the surest, and of how many figures there was enough to learn from."""

    findings: tuple[Finding, ...]
    figures: int


def judged(series: Mapping[Figure, Series], day: date) -> Judged:
    """Judges every figure of a day against the days before it."""
    asked = ((figure, one) for figure, one in series.items() if not (figure.segment and figure.kind is Kind.SUM))
    told = {figure: expectation(one, day.toordinal()) for figure, one in asked}  # a segment's rows and mean say it all
    known = {figure: found for figure, found in told.items() if found is not None}
    level = FALSE_ALARMS / max(1, len(known))
    far = [
        Finding(figure, day, found)
        for figure, found in known.items()
        if found.probability < level and found.is_far(figure.kind, day)
    ]
    return Judged(tuple(sorted(far, key=_first_things)), len(known))


def _first_things(finding: Finding) -> tuple[bool, float]:
    """Rows of the whole table before all else: what they lack, every sum lacks too."""
    return finding.figure != Figure("rows"), finding.found.probability


def sentence(table: str, finding: Finding) -> str:
    """``orders 41 % below the usual Tuesday (1,204 where 1,950 to 2,190 is usual)``."""
    figure, found = finding.figure, finding.found
    what = table if figure.name == "rows" else f"{figure.name} of {table}"
    where = f" where {figure.segment}" if figure.segment else ""
    bounds = f"{_said(found.value, figure)} where {_said(found.low, figure)} to {_said(found.high, figure)} is usual"
    weekday = f"{finding.day:%A}"
    side = "above" if found.value > found.usual else "below"
    if figure.kind is Kind.RATE:
        off = f"{abs(found.value - found.usual) * 100:.0f} points {side}"
    elif figure.kind is Kind.HOUR:
        what, off = f"time of day of {table}", f"{abs(found.value - found.usual):.1f} hours {side}"
    elif found.usual < 1 and figure.kind is Kind.COUNT:
        off = f"far {side}"
    else:
        off = f"{abs(found.value - found.usual) / max(abs(found.usual), 1e-9):.0%} {side}".replace("%", " %")
    return f"{what}{where} {off} the usual {weekday} ({bounds}) on {finding.day}"


def _said(value: float, figure: Figure) -> str:
    if figure.kind is Kind.RATE:
        return f"{value * 100:.1f} %"
    if figure.kind is Kind.COUNT:
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) < 1000 else f"{value:,.0f}"
