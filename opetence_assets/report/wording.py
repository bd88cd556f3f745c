"""Numbers, shares and ages as people read them."""

from __future__ import annotations

from math import floor


def number(value: float | None) -> str:
    """``1,204``; two decimals where they are not nought and the number is small."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 or float(value).is_integer() else f"{value:,.2f}"


def share(value: float | None) -> str:
    """``99.9 %``: rounded down, so that only all is 100 %."""
    if value is None:
        return "–"
    tenths = floor(value * 1000 + 1e-9) / 10
    return f"{tenths:.0f} %" if tenths.is_integer() else f"{tenths:.1f} %"


def part(value: float | None) -> str:
    """``0.21 %``, of something that should be small."""
    return "–" if value is None else f"{value:.2%}".replace("%", " %")


def age(hours: float | None) -> str:
    """Minutes, hours or days, whichever says most."""
    if hours is None:
        return "–"
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


def counted(count: int, one: str, many: str = "") -> str:
    """``1 check``, ``2 checks``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
