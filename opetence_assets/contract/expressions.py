"""Pandera's built-in checks as Polars expressions, and what is cheaper to see than the expression itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from opetence_assets.contract.codes import Code, code_of

FEW = 8  # texts that are compared one by one: five in 0.05 CPU-s for 10 M rows, where `is_in` takes 0.08
BEYOND_RUST = re.compile(
    r"\(\?(?:<?[=!]|>|P=)|(?<!\\)(?:\\\\)*\\[1-9]"
)  # what Python's patterns have and Rust's have not


@dataclass(frozen=True)
class Within:
    """Evidence that every value of a column passes: its least and greatest do. Bounds are closed unless ``open``."""

    column: str
    low: int | Decimal | None = None
    high: int | Decimal | None = None
    open_low: bool = False
    open_high: bool = False


@dataclass(frozen=True)
class Present:
    """Evidence that no value of a column is null: the batch says so."""

    column: str


Evidence = Within | Present | Code
Statistics = Mapping[str, Any]
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "greater_than": ("min_value",),
    "greater_than_or_equal_to": ("min_value",),
    "less_than": ("max_value",),
    "less_than_or_equal_to": ("max_value",),
    "in_range": ("min_value", "max_value", "include_min", "include_max"),
    "equal_to": ("value",),
    "not_equal_to": ("value",),
    "isin": ("allowed_values",),
    "notin": ("forbidden_values",),
    "str_matches": ("pattern",),
    "str_contains": ("pattern",),
    "str_startswith": ("string",),
    "str_endswith": ("string",),
    "str_length": (),
}
_BUILT_IN: Mapping[str, Callable[[pl.Expr, Statistics], pl.Expr]] = {
    "greater_than": lambda c, s: c > s["min_value"],
    "greater_than_or_equal_to": lambda c, s: c >= s["min_value"],
    "less_than": lambda c, s: c < s["max_value"],
    "less_than_or_equal_to": lambda c, s: c <= s["max_value"],
    "in_range": lambda c, s: _between(c, s),
    "equal_to": lambda c, s: c == s["value"],
    "not_equal_to": lambda c, s: c != s["value"],
    "isin": lambda c, s: _among(c, s["allowed_values"]),
    "notin": lambda c, s: ~c.is_in(list(s["forbidden_values"])),
    "str_matches": lambda c, s: c.str.contains(anchored(pattern_of(s))),
    "str_contains": lambda c, s: c.str.contains(pattern_of(s)),
    "str_startswith": lambda c, s: c.str.starts_with(s["string"]),
    "str_endswith": lambda c, s: c.str.ends_with(s["string"]),
    "str_length": lambda c, s: _length(c.str.len_chars(), s),
}
_BY_PATTERN = frozenset({"str_matches", "str_contains"})


def expression_of(check: str, column: pl.Expr, statistics: Statistics) -> pl.Expr | None:
    """True where a value passes, null where it is null; None if the check is none of Pandera's own with an expression.

    Raises:
        ValueError: a pattern that Polars reads in another way than it is written for, or not at all.
    """
    needed = _NEEDS.get(check)
    if needed is None or not set(needed) <= set(statistics) or not (needed or statistics):
        return None
    values = statistics.get("allowed_values", statistics.get("forbidden_values", ()))
    if not isinstance(values, Collection):
        return None  # an iterator, which Pandera has read to its end
    if check in _BY_PATTERN:
        _readable(anchored(pattern_of(statistics)) if check == "str_matches" else pattern_of(statistics), statistics)
    return _BUILT_IN[check](column, statistics)


def evidence_of(check: str, column: str, dtype: pl.DataType, statistics: Statistics) -> Evidence | None:
    """What proves at a glance that all values of a column pass; None if there is no such thing."""
    if check == "str_matches":
        return code_of(column, pattern_of(statistics))
    low, high = statistics.get("min_value"), statistics.get("max_value")
    exact = all(bound is None or type(bound) in (int, Decimal) for bound in (low, high))
    if not exact or not (dtype.is_integer() or dtype.is_decimal()):
        return None  # NaN has no place among the bounds, and a float's literal none among decimals
    match check:
        case "greater_than" | "greater_than_or_equal_to" | "less_than" | "less_than_or_equal_to":
            strict = check in ("greater_than", "less_than")
            return Within(column, low, high, strict, strict)
        case "in_range":
            return Within(column, low, high, not statistics["include_min"], not statistics["include_max"])
        case _:
            return None


def anchored(pattern: str) -> str:
    """As Pandera does it: of alternatives only the first begins at the start, so write ``(?:a|b)``."""
    return pattern if pattern.startswith("^") else f"^{pattern}"


def pattern_of(statistics: Statistics) -> str:
    pattern = statistics["pattern"]
    return pattern if isinstance(pattern, str) else pattern.pattern


def _readable(pattern: str, statistics: Statistics) -> None:
    """Pandera compiles a pattern with Python's ``re`` when it is declared, and runs it in Rust's dialect."""
    written = statistics["pattern"]
    if isinstance(written, re.Pattern) and written.flags & ~re.UNICODE:
        raise ValueError(f"pattern {pattern!r}: Pandera drops the flags of a compiled pattern; write them as (?i)")
    # Not tried in Polars: a process that forks workers reads the declarations and must not start its thread pool.
    if found := BEYOND_RUST.search(pattern):
        raise ValueError(
            f"pattern {pattern!r} is not one of Polars (no lookaround, no backreference: {found[0]}); write a rule"
            " of the dataset, or a @pa.check, which Pandera judges itself"
        )


def _between(column: pl.Expr, statistics: Statistics) -> pl.Expr:
    """Not ``is_between``, which takes a text for the name of a column."""
    low, high = statistics["min_value"], statistics["max_value"]
    above = column >= low if statistics["include_min"] else column > low
    return above & (column <= high if statistics["include_max"] else column < high)


def _among(column: pl.Expr, values: Collection[Any]) -> pl.Expr:
    allowed = list(values)
    if 0 < len(allowed) <= FEW and all(isinstance(value, str) for value in allowed) and not isinstance(values, str):
        return pl.any_horizontal(*(column == value for value in allowed)) if len(allowed) > 1 else column == allowed[0]
    return column.is_in(allowed)


def _length(length: pl.Expr, statistics: Statistics) -> pl.Expr:
    exact, low, high = (statistics.get(name) for name in ("exact_value", "min_value", "max_value"))
    if exact is not None:
        return length == exact
    return length.is_between(low or 0, high if high is not None else 2**31)
