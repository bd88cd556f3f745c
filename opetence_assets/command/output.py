"""One way to speak: a table for people, JSON for machines, errors in one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

WIDE = 240  # columns


def emit(value: Any, *, as_json: bool, table: Mapping[str, Sequence[Any]] | None = None, title: str = "") -> None:
    """Prints ``value`` as JSON, or ``table`` (column → cells) for people."""
    if as_json or table is None:
        sys.stdout.write(json.dumps(value, indent=2, default=plain) + "\n")
        return
    from rich.console import Console
    from rich.table import Table

    shown = Table(title=title or None, title_justify="left", header_style="bold")
    numeric = {name for name, cells in table.items() if all(isinstance(c, int | float | Decimal | None) for c in cells)}
    for name in table:
        shown.add_column(
            name, justify="right" if name in numeric else "left", overflow="fold", no_wrap=cells_are_short(table[name])
        )
    for row in zip(*table.values(), strict=True):
        shown.add_row(*(cell(value) for value in row))
    # Into a pipe or a file there is no screen to fit: cut nothing.
    Console(width=None if sys.stdout.isatty() else WIDE).print(shown)


def cells_are_short(cells: Sequence[Any]) -> bool:
    """Keys, numbers and times stay on one line; prose may fold."""
    return max((len(cell(value)) for value in cells), default=0) <= 48


def cell(value: Any) -> str:
    """A value as people read it."""
    match value:
        case None:
            return "·"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.2f}"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case _:
            return str(value)


def plain(value: Any) -> Any:
    """A value as JSON can hold it; money stays exact, as text."""
    match value:
        case datetime() | date():
            return value.isoformat()
        case bytes():
            return value.hex()
        case _:
            return str(value)


def failure(error: Exception) -> bool:
    """Says one of the platform's own errors on standard error; False for any other, which keeps its traceback."""
    if not type(error).__module__.startswith(("opetence_assets.", "sandbox")):
        return False
    from rich.console import Console

    Console(stderr=True).print(f"[bold red]error[/] {_escaped(str(error))}", highlight=False, soft_wrap=True)
    return True


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
