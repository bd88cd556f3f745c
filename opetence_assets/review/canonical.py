"""Declared things as plain JSON, the same for the same meaning: comments, layout and the order of a set are none."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from types import FunctionType
from typing import Any, cast

import polars as pl

from opetence_assets.review.functions import expression_text, source_of

_LITERAL = re.compile(r"\(dyn \w+: ([^)]*)\)")  # how Polars shows a plain number


def plain(value: Any) -> Any:
    """A declared value: dataclasses become objects, sets lists in order, functions their text, expressions theirs."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Enum():
            return value.value
        case timedelta():
            return f"{value.total_seconds():g} s"
        case datetime() | date():
            return value.isoformat()
        case Decimal():
            return str(value)
        case pl.Expr():
            return expression(value)
        case Mapping():
            return {str(name): plain(one) for name, one in cast("Mapping[Any, Any]", value).items()}
        case set() | frozenset():
            return sorted((plain(one) for one in cast("set[Any]", value)), key=str)
        case list() | tuple():
            return [plain(one) for one in cast("list[Any]", value)]
        case FunctionType():
            return "\n".join(source_of(value))
        case _ if is_dataclass(value) and not isinstance(value, type):
            own = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
            return {"is": type(value).__name__, **own}
        case _:
            return f"{type(value).__module__}.{getattr(value, '__qualname__', type(value).__name__)}"


def expression(value: pl.Expr) -> dict[str, str]:
    """An expression for people, who are shown it, and for machines: long lists are cut in what people are shown."""
    return {"says": _LITERAL.sub(r"\1", str(value)), "digest": short_digest(expression_text(value))}


def short_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
