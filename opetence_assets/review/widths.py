"""Whether a column of another type holds every value it held before: of Polars' types and of DuckDB's."""

from __future__ import annotations

import re
from typing import Literal

_INTEGER, _WIDTHS = re.compile(r"(U?)Int(\d+)$"), re.compile(r"Decimal\(precision=(\d+), scale=(\d+)\)")
_SQL = {"tinyint": 8, "smallint": 16, "integer": 32, "int": 32, "bigint": 64, "hugeint": 128}


def type_way(before: str, after: str) -> Literal["widened", "narrowed", "retyped"]:
    """What becomes of the values of a column of another type, Polars' or DuckDB's."""
    integers = [_integer(text) for text in (before, after)]
    if integers[0] and integers[1]:
        (old_unsigned, old), (new_unsigned, new) = integers[0], integers[1]
        if old_unsigned == new_unsigned:
            return "widened" if new > old else "narrowed"
        return "widened" if old_unsigned and new > old else "retyped"
    digits = [_decimal(text) for text in (before, after)]
    if digits[0] and digits[1]:
        (old_whole, old_scale), (new_whole, new_scale) = digits[0], digits[1]
        return "widened" if new_whole >= old_whole and new_scale >= old_scale else "narrowed"
    floats = {("Float32", "Float64"): "widened", ("float", "double"): "widened"}
    if (before, after) in floats:
        return "widened"
    return "narrowed" if (after, before) in floats else "retyped"


def _integer(text: str) -> tuple[bool, int] | None:
    if found := _INTEGER.match(text):
        return bool(found[1]), int(found[2])
    return (False, _SQL[text]) if text in _SQL else None


def _decimal(text: str) -> tuple[int, int] | None:
    found = _WIDTHS.match(text) or re.match(r"decimal\((\d+), ?(\d+)\)", text)
    return (int(found[1]) - int(found[2]), int(found[2])) if found else None
