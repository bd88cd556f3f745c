"""Whether a column's checks let more through than before, less, or neither can be told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

Checks = Mapping[str, Mapping[str, Any]]
Way = Literal["tightened", "loosened", "rewritten", "added", "removed"]
_BOUNDS = (
    *("greater_than", "greater_than_or_equal_to", "less_than", "less_than_or_equal_to", "in_range"),
    *("str_length",),
)
_SIGNS = {
    "greater_than": ">",
    "greater_than_or_equal_to": "≥",
    "less_than": "<",
    "less_than_or_equal_to": "≤",
    "equal_to": "=",
    "not_equal_to": "≠",
    "isin": "in",
    "notin": "not in",
    "str_matches": "matches",
    "str_contains": "contains",
    "str_startswith": "starts with",
    "str_endswith": "ends with",
}


def changed_checks(before: Checks, after: Checks) -> Iterator[tuple[Way, str, str]]:
    """What became of a column's checks: which way, what was, what will be. Bounds are looked at together: from
    ``gt=0`` to ``ge=0`` is looser, though the one check went and another came."""
    spans = [{name: said for name, said in checks.items() if name in _BOUNDS} for checks in (before, after)]
    for measured in ("str_length", ""):
        old, new = ({n: s for n, s in span.items() if (n == "str_length") == bool(measured)} for span in spans)
        if old != new and (way := _way_of_bounds(old, new)):
            yield way, says(old), says(new)
    for name in sorted((before.keys() | after.keys()) - set(_BOUNDS)):
        old, new = before.get(name), after.get(name)
        if old != new:
            shown = [says({name: one}) if one is not None else "" for one in (old, new)]
            yield _way(name, old, new), shown[0], shown[1]


def says(checks: Checks) -> str:
    """Checks for people: ``≥ 0 and ≤ 10``."""
    return " and ".join(_said(name, said) for name, said in checks.items())


@dataclass(frozen=True)
class _End:
    """One end of what is allowed, as a number to compare: how far in it is (greater is tighter)."""

    value: Any
    is_open: bool

    def inward(self, other: _End | None, sign: int) -> int:
        """1 if this end lets less through than the other, -1 if more, 0 if the same."""
        if other is None:
            return 1
        mine, theirs = _comparable(self.value), _comparable(other.value)
        if mine == theirs:
            return int(self.is_open) - int(other.is_open)
        return sign if mine > theirs else -sign


def _comparable(value: Any) -> Any:
    try:
        return (0, Decimal(str(value)), "")
    except ArithmeticError:
        return (1, Decimal(0), str(value))  # dates and times, as ISO text


def _ends(checks: Checks) -> tuple[_End | None, _End | None]:
    low: _End | None = None
    high: _End | None = None
    for name, said in checks.items():
        exact = said.get("exact_value")
        least, greatest = said.get("min_value", exact), said.get("max_value", exact)
        lower = _End(least, name == "greater_than" or not said.get("include_min", True)) if least is not None else None
        upper = (
            _End(greatest, name == "less_than" or not said.get("include_max", True)) if greatest is not None else None
        )
        low = lower if lower and lower.inward(low, 1) > 0 else low
        high = upper if upper and upper.inward(high, -1) > 0 else high
    return low, high


def _way_of_bounds(before: Checks, after: Checks) -> Way | None:
    """None where the same is said in other words."""
    if not before:
        return "added"
    if not after:
        return "removed"
    ways: set[int] = set()
    for old, new, sign in zip(_ends(before), _ends(after), (1, -1), strict=True):
        if new is not None:
            ways.add(new.inward(old, sign))
        elif old is not None:
            ways.add(-1)
    ways.discard(0)
    if not ways:
        return None
    return "tightened" if ways == {1} else "loosened" if ways == {-1} else "rewritten"


def _way(name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Way:
    if before is None:
        return "added"
    if after is None:
        return "removed"
    key = {"isin": "allowed_values", "notin": "forbidden_values"}.get(name)
    if key is None:
        return "rewritten"
    old, new = set(map(str, before[key])), set(map(str, after[key]))
    fewer = new < old if name == "isin" else new > old
    more = new > old if name == "isin" else new < old
    return "tightened" if fewer else "loosened" if more else "rewritten"


def _said(name: str, said: Mapping[str, Any]) -> str:
    if name == "in_range" or name == "str_length":
        of = "length " if name == "str_length" else ""
        if (exact := said.get("exact_value")) is not None:
            return f"{of}{exact}"
        return f"{of}{_plainly(said.get('min_value'))} to {_plainly(said.get('max_value'))}"
    values = [_plainly(value) for value in said.values()]
    return f"{_SIGNS.get(name, name)} {', '.join(values)}" if name in _SIGNS else name


def _plainly(value: Any) -> str:
    if isinstance(value, list):
        return "{" + ", ".join(map(str, value)) + "}"  # pyright: ignore[reportUnknownArgumentType]
    return "any" if value is None else str(value)
