"""Declared things as plain JSON, the same for the same meaning: comments, layout and the order of a set are none."""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from types import CodeType, FunctionType
from typing import Any, cast

import polars as pl

OURS = "opetence_assets"


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
    try:
        whole = str(value.meta.serialize(format="json"))
    except pl.exceptions.ComputeError:  # a Python function: what it is called is all that can be told
        whole = str(value)
    return {"says": str(value), "digest": short_digest(whole)}


def short_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def source_of(function: Callable[..., Any]) -> list[str]:
    """A function's text without comments, docstrings and layout, and that of everything of ours that it names."""
    found: dict[str, list[str]] = {}
    _follow(inspect.unwrap(function), found)
    return [line for name in sorted(found) for line in found[name]]


def _follow(function: Any, found: dict[str, list[str]]) -> None:
    name = f"{function.__module__}.{function.__qualname__}"
    if name in found:
        return
    found[name] = _normal(function)
    known = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
    for used in sorted(set(_names(function.__code__)) & known.keys()):
        value = known[used]
        if isinstance(value, FunctionType):
            if value.__module__.split(".")[0].startswith(OURS):
                _follow(value, found)
        elif isinstance(value, str | int | float | Decimal | date | timedelta | list | tuple | dict | set | frozenset):
            found[f"{function.__module__}.{used}"] = [f"{used} = {plain(value)}"]
        elif isinstance(value, pl.Expr):
            found[f"{function.__module__}.{used}"] = [f"{used} = {expression(value)}"]


def _names(code: CodeType) -> Iterator[str]:
    yield from (*code.co_names, *code.co_freevars)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)


def _normal(function: Any) -> list[str]:
    """The statements; of what cannot be read as text alone (a lambda within a call) what it was compiled to."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        code = function.__code__
        return [
            f"{function.__qualname__} {code.co_code.hex()} {code.co_names} {plain([str(c) for c in code.co_consts])}"
        ]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree).splitlines()
