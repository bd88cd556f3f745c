"""What a declaration's functions say: their text without comments, docstrings and layout."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from types import CodeType, FunctionType
from typing import Any

import polars as pl

OURS = "opetence_assets"


def source_of(function: Callable[..., Any]) -> list[str]:
    """A function's text without comments, docstrings and layout, and that of everything of ours that it names."""
    found: dict[str, list[str]] = {}
    _follow(inspect.unwrap(function), found)
    return [line for name in sorted(found) for line in found[name]]


def expression_text(value: pl.Expr) -> str:
    """All that an expression says; what people are shown of it cuts long lists."""
    try:
        return str(value.meta.serialize(format="json"))
    except pl.exceptions.ComputeError:  # a Python function: what it is called is all that can be told
        return str(value)


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
            found[f"{function.__module__}.{used}"] = [f"{used} = {_constant(value)}"]
        elif isinstance(value, pl.Expr):
            found[f"{function.__module__}.{used}"] = [f"{used} = {expression_text(value)}"]


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
        return [f"{function.__qualname__} {code.co_code.hex()} {code.co_names} {[str(c) for c in code.co_consts]}"]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree).splitlines()


def _constant(value: Any) -> str:
    """A set has no order, and none is made up by the process."""
    return repr(sorted(value, key=repr)) if isinstance(value, set | frozenset) else repr(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
