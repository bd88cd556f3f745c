"""A Pandera field's checks as Polars expressions, so that a whole schema is judged in one scan.

Pandera stays the only declaration; ``Schema.validate`` gives the same verdicts (kept by a test) but runs each check
as its own query and reports failures row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import polars as pl

from opetence_assets.dataset import Dataset


@dataclass(frozen=True)
class Rule:
    """What must hold of every row: ``valid`` is true where it does."""

    name: str
    valid: pl.Expr


_CLOSED: Mapping[tuple[bool, bool], Literal["both", "left", "right", "none"]] = {
    (True, True): "both",
    (True, False): "left",
    (False, True): "right",
    (False, False): "none",
}
_BUILT_IN: Mapping[str, Callable[[pl.Expr, Mapping[str, Any]], pl.Expr]] = {
    "greater_than": lambda c, s: c > s["min_value"],
    "greater_than_or_equal_to": lambda c, s: c >= s["min_value"],
    "less_than": lambda c, s: c < s["max_value"],
    "less_than_or_equal_to": lambda c, s: c <= s["max_value"],
    "in_range": lambda c, s: c.is_between(
        s["min_value"],
        s["max_value"],
        closed=_CLOSED[(s["include_min"], s["include_max"])],
    ),
    "equal_to": lambda c, s: c == s["value"],
    "not_equal_to": lambda c, s: c != s["value"],
    "isin": lambda c, s: c.is_in(list(s["allowed_values"])),
    "notin": lambda c, s: ~c.is_in(list(s["forbidden_values"])),
    "str_matches": lambda c, s: c.str.contains(f"^(?:{_pattern(s)})"),
    "str_contains": lambda c, s: c.str.contains(_pattern(s)),
    "str_startswith": lambda c, s: c.str.starts_with(s["string"]),
    "str_endswith": lambda c, s: c.str.ends_with(s["string"]),
    "str_length": lambda c, s: c.str.len_chars().is_between(s.get("min_value") or 0, s.get("max_value") or 2**31),
}


def _pattern(statistics: Mapping[str, Any]) -> str:
    pattern = statistics["pattern"]
    return pattern if isinstance(pattern, str) else pattern.pattern


@cache
def field_rules(dataset: Dataset, name: str) -> tuple[Rule, ...]:
    """The rules of one field: its nullability and its checks, each named ``column: check``."""
    column = dataset.schema.to_schema().columns[name]
    value = pl.col(name)
    rules = [] if column.nullable else [Rule(f"{name}: null", value.is_not_null())]
    for check in column.checks:
        if check.name not in _BUILT_IN:
            raise ValueError(f"{dataset.name}.{name}: check {check.name} has no expression; add it to privacy/rules.py")
        # As in Pandera, a null is the business of nullability alone.
        rules.append(Rule(f"{name}: {check.name}", _BUILT_IN[check.name](value, check.statistics).fill_null(True)))
    return tuple(rules)
