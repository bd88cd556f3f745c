"""Small pictures of a figure over time, drawn as SVG in the page itself."""

from __future__ import annotations

from datetime import date, timedelta

from markupsafe import Markup

from opetence_assets.report.facts import Trend
from opetence_assets.report.wording import number

WIDTH, HEIGHT, EDGE = 240, 44, 5  # px, where there is room


def sparkline(trend: Trend) -> Markup:
    """The line of a trend from zero (or its lowest value, if below) up, its odd days as dots; says itself in words."""
    known = [value for value in trend.values if value is not None]
    if not known:
        return Markup()
    low, high = min(0.0, *known), max(known)
    runs, odd = _runs(trend, low, high), {each.day for each in trend.odd}
    lines = [Markup('<polyline class="line" points="{}"/>').format(_points(run)) for run in runs]
    areas = [
        Markup('<polygon class="area" points="{},{} {} {},{}"/>').format(
            run[0][0], HEIGHT - EDGE, _points(run), run[-1][0], HEIGHT - EDGE
        )
        for run in runs
    ]
    dots = [
        Markup('<circle class="odd" cx="{}" cy="{}" r="4"/>').format(*_place(trend, at, value, low, high))
        for at, value in enumerate(trend.values)
        if value is not None and _day(trend, at) in odd
    ]
    return Markup('<svg role="img" aria-label="{}" viewBox="0 0 {} {}"><title>{}</title>{}</svg>').format(
        _said(trend, known), WIDTH, HEIGHT, _said(trend, known), Markup().join([*areas, *lines, *dots])
    )


def _said(trend: Trend, known: list[float]) -> str:
    return f"{trend.name} from {trend.first} to {trend.last_day}: {number(min(known))} to {number(max(known))} a day"


def _day(trend: Trend, at: int) -> date:
    return trend.first + timedelta(days=at)


def _runs(trend: Trend, low: float, high: float) -> list[list[tuple[float, float]]]:
    """Points of the days that follow each other; a gap is a gap, not a line across it."""
    runs: list[list[tuple[float, float]]] = [[]]
    for at, value in enumerate(trend.values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(_place(trend, at, value, low, high))
    return [run if len(run) > 1 else run * 2 for run in runs if run]  # a day alone is a dot


def _place(trend: Trend, at: int, value: float, low: float, high: float) -> tuple[float, float]:
    across = (WIDTH - 2 * EDGE) * at / max(1, len(trend.values) - 1)
    up = (HEIGHT - 2 * EDGE) * (value - low) / ((high - low) or 1.0)
    return round(EDGE + across, 1), round(HEIGHT - EDGE - up, 1)


def _points(run: list[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in run)
