"""Messages of a stream (bytes, JSON by agreement) → the same rows as ``records.tabled``, at a stream's speed.

Nearly all messages of a topic are alike: the fields that are declared, each a text, a whole number, a truth or null.
Those become columns with one parse a message and no further Python. Whatever is otherwise (cut off, nested, a number
with a fraction, a field that nobody declared) is taken out and read with care, one by one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from opetence_assets.sources.records import Noticed, Shape, broken, tabled, text_of

if TYPE_CHECKING:
    import pyarrow

Message = bytes | None
Row = tuple[Any, ...]
_CHUNK = (
    2_000  # messages: so many parsed records stay in the processor's caches (50,000 at once cost half as much again)
)
_CAREFUL = {float, dict, list}  # orjson rounds fractions to 64 bits; structures have a spelling of their own


def read(messages: Sequence[Message], shape: Shape, noticed: Noticed) -> pyarrow.Table:
    """One row a message, in their order, as ``records.tabled`` has them; what cannot be read is ``_broken``."""
    import pyarrow as pa

    chunks = (messages[start : start + _CHUNK] for start in range(0, len(messages), _CHUNK))
    return pa.concat_tables([tabled([], shape), *(_chunk(chunk, shape, noticed) for chunk in chunks)])


def _chunk(messages: Sequence[Message], shape: Shape, noticed: Noticed) -> pyarrow.Table:
    import pyarrow as pa

    places, rows, odd = _alike(messages, shape)
    if not odd:
        return _columns(rows, shape)
    tables = [read_singly(messages[place], shape, noticed) for place in odd]
    if rows:
        tables.append(_columns(rows, shape))
    order = [0] * len(messages)
    for position, place in enumerate((*odd, *places)):
        order[place] = position
    return pa.concat_tables(tables).combine_chunks().take(pa.array(order, pa.int64()))


def read_singly(message: Message, shape: Shape, noticed: Noticed) -> pyarrow.Table:
    """One message with care: numbers keep every digit, and what is wrong with it is said."""
    if message is None:
        return broken([""], "no value", shape)
    try:
        text = message.decode()
    except UnicodeDecodeError:
        return broken([message.decode("utf-8", "backslashreplace")], "not UTF-8", shape)
    try:
        record = json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return broken([text], "not JSON", shape)
    if not isinstance(record, dict):
        return broken([text], "not an object", shape)
    return tabled([record], shape, noticed)


def _alike(messages: Sequence[Message], shape: Shape) -> tuple[list[int], list[Row], list[int]]:
    """The places and values of messages that need no care, and the places of those that do."""
    import orjson

    places: list[int] = []
    rows: list[Row] = []
    odd: list[int] = []
    readers: dict[Row, Callable[[Any], Row] | None] = {}
    parse, flat = orjson.loads, _is_flat(shape)
    for place, message in enumerate(messages if flat else ()):
        record: Any = None
        try:
            record = parse(message)  # pyright: ignore[reportArgumentType]  None is no JSON: refused like any other
            names = tuple(record) if type(record) is dict else ("",)
        except orjson.JSONDecodeError:
            names = ("",)
        if names not in readers:
            readers[names] = _reader(names, shape)
        reader = readers[names]
        if reader is None:
            odd.append(place)
        else:
            places.append(place)
            rows.append(reader(record))
    if not flat:
        return [], [], list(range(len(messages)))
    return _without_careful(places, rows, odd)


def _is_flat(shape: Shape) -> bool:
    return not shape.inner and all(len(path) == 1 and isinstance(path[0], str) for path in shape.paths.values())


def _reader(names: Row, shape: Shape) -> Callable[[Any], Row] | None:
    """How the declared values are taken out of a record with these fields; None: with care."""
    wanted = tuple(shape.fields.values())
    if names == wanted:
        return _all_values
    if not shape.known.issuperset(names):
        return None
    return lambda record: tuple(map(record.get, wanted))


def _all_values(record: Mapping[str, Any]) -> Row:
    return tuple(record.values())


def _without_careful(places: list[int], rows: list[Row], odd: list[int]) -> tuple[list[int], list[Row], list[int]]:
    if not any(_CAREFUL.intersection(map(type, column)) for column in zip(*rows, strict=True)):
        return places, rows, odd
    plain = [_CAREFUL.isdisjoint(map(type, row)) for row in rows]
    careful = [place for place, is_plain in zip(places, plain, strict=True) if not is_plain]
    return (
        [place for place, is_plain in zip(places, plain, strict=True) if is_plain],
        [row for row, is_plain in zip(rows, plain, strict=True) if is_plain],
        [*odd, *careful],
    )


def _columns(rows: Sequence[Row], shape: Shape) -> pyarrow.Table:
    import pyarrow as pa

    schema = tabled([], shape).schema
    columns = [_texts(values) for values in zip(*rows, strict=True)]
    empty = [pa.nulls(len(rows), schema.field(name).type) for name in schema.names[len(columns) :]]
    return pa.table([*columns, *empty], schema=schema)


def _texts(values: Row) -> pyarrow.Array:
    import pyarrow as pa

    kinds = set(map(type, values))
    if kinds <= {str, type(None)}:
        return pa.array(values, pa.large_string())
    if kinds <= {int, type(None)}:
        try:
            return pa.array(values, pa.int64()).cast(pa.large_string())
        except OverflowError:
            pass
    return pa.array([text_of(value) for value in values], pa.large_string())


def _no_number(name: str) -> Any:
    raise ValueError(name)
