"""Records of any source (dictionaries, however nested) → one Arrow table of text columns, as received.

Text, because a source without a schema changes its types without telling: a number that arrives as a string is the
same text here, and what cannot be cast later is one row in quarantine, not a table that cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
    import pyarrow

BROKEN, UNREADABLE, UNDECLARED, CURSOR = "_broken", "unreadable", "undeclared", "_cursor"
_ABSENT = object()


@dataclass(frozen=True)
class Shape:
    """How a record becomes a row.

    Attributes:
        fields: column → path of its value: dotted names, whole numbers for places in a list.
        ignored: fields that are known and left at the source, as paths or prefixes of paths.
        cursor: the column whose value is the record's cursor (ISO-8601, or whole seconds since 1970).
    """

    fields: Mapping[str, str]
    ignored: tuple[str, ...] = ()
    cursor: str | None = None

    @cached_property
    def paths(self) -> dict[str, tuple[str | int, ...]]:
        return {name: _steps(path) for name, path in self.fields.items()}

    @cached_property
    def known(self) -> frozenset[str]:
        return frozenset((*self.fields.values(), *self.ignored))

    @cached_property
    def inner(self) -> frozenset[str]:
        """Paths that lead to a known field without being one: only these are looked into for undeclared fields."""
        return frozenset(path[:dot] for path in self.known for dot in range(len(path)) if path[dot] == ".")


@dataclass
class Noticed:
    """Names of undeclared fields seen so far; grows while records are read."""

    undeclared: set[str] = field(default_factory=set[str])


def tabled(records: Sequence[Mapping[str, Any]], shape: Shape, noticed: Noticed | None = None) -> pyarrow.Table:
    """One row a record: the declared columns, ``undeclared``, ``_broken``, ``unreadable`` and ``_cursor`` if any.

    A record with text that no encoding can hold (a lone surrogate) is broken: kept whole, escaped, never guessed at.
    """
    import pyarrow as pa

    rows = [_row(record, shape, noticed or Noticed()) for record in records]
    names = [*shape.fields, UNDECLARED, BROKEN, UNREADABLE]
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    arrays = [pa.array(values, pa.large_string()) for values in columns]
    table = pa.table(arrays, names=names)
    return _with_cursor(table, shape) if shape.cursor else table


def broken(texts: Iterable[str], reason: str, shape: Shape) -> pyarrow.Table:
    """Rows that stand for records that cannot be read at all; the texts are sealed on their way."""
    import pyarrow as pa

    raw = [_escaped(text) for text in texts]
    empty = tabled([], shape)
    table = pa.table(
        {
            BROKEN: pa.repeat(pa.scalar(reason, pa.large_string()), len(raw)),
            UNREADABLE: pa.array(raw, pa.large_string()),
        }
    )
    return pa.table(
        [
            table[n] if n in table.column_names else pa.nulls(len(raw), empty.schema.field(n).type)
            for n in empty.column_names
        ],
        schema=empty.schema,
    )


def again(after: datetime) -> pl.Expr:
    """The rows of bronze that a read from ``after`` brings again; those without a readable cursor may always come."""
    import polars as pl

    return (pl.col(CURSOR) >= after) | pl.col(CURSOR).is_null()


def text_of(value: Any) -> str | None:
    """A JSON or BSON value as text, exactly: numbers keep their digits, times are UTC, structures compact JSON."""
    match value:
        case None:
            return None
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return str(value)
        case float():
            return repr(value)
        case datetime():
            return (value.astimezone(UTC) if value.tzinfo else value).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case Mapping() | list() | tuple():
            return _json(value)
        case _:
            return str(value)


def value_at(record: Mapping[str, Any], path: Sequence[str | int]) -> Any:
    """The value at a path; None where any step of it is missing."""
    value: Any = record
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and len(value) > step else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
        if value is None:
            return None
    return value


def _row(record: Mapping[str, Any], shape: Shape, noticed: Noticed) -> list[str | None]:
    values = [text_of(value_at(record, path)) for path in shape.paths.values()]
    extra = _undeclared(record, shape, "")
    noticed.undeclared.update(extra)
    row = [*values, _json(extra) if extra else None, None, None]
    if all(value is None or value.isascii() or _encodes(value) for value in row):
        return row
    return [*(None for _ in shape.fields), None, "text with a lone surrogate", _escaped(_json(record))]


def _undeclared(record: Mapping[str, Any], shape: Shape, prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in record.items():
        path = prefix + name
        if path in shape.known:
            continue
        if path not in shape.inner:
            found[path] = value
        elif isinstance(value, Mapping):
            found.update(_undeclared(value, shape, f"{path}."))
        elif value is not None and not isinstance(value, list):
            found[path] = value  # a structure became a scalar
    return found


def _json(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=text_of)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _escaped(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _steps(path: str) -> tuple[str | int, ...]:
    return tuple(int(step) if step.isdecimal() else step for step in path.split("."))


def _with_cursor(table: pyarrow.Table, shape: Shape) -> pyarrow.Table:
    """The typed cursor beside its text: what is read again is found by it, its newest value starts the next read."""
    import polars as pl

    from opetence_assets.sources.texts import moment_of  # not above: the reader of foreign files needs neither

    text = pl.col(shape.cursor or "")
    seconds = pl.from_epoch(text.cast(pl.Int64, strict=False), time_unit="s").dt.replace_time_zone("UTC")
    day = text.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    cursor = pl.coalesce(moment_of(text), seconds.cast(pl.Datetime("us", "UTC")), day).alias(CURSOR)
    return pl.DataFrame(table).with_columns(cursor).to_arrow(compat_level=pl.CompatLevel.oldest())
