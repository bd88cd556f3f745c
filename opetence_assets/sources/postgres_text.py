"""Values that PostgreSQL spells as text, in the very Arrow types that the same columns have when they are selected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow


def typed(values: Sequence[str | None], kind: pyarrow.DataType, *, zoneless: bool = False) -> pyarrow.Array:
    """An array of type ``kind`` from values as the server's output functions spell them (ISO dates, hex bytea).

    Raises:
        ValueError: a value is not of that type; it is not repeated.
    """
    import pyarrow as pa

    try:
        if pa.types.is_boolean(kind):
            return _each(values, kind, {"t": True, "f": False}.__getitem__)
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            return _each(values, kind, _bytes)
        texts = pa.array(values, pa.string())
        if zoneless:  # its wall clock, as when selected
            return texts.cast(pa.timestamp("us")).view(kind)
        return texts.cast(kind)
    except (pa.ArrowException, KeyError, ValueError):
        raise ValueError(f"text that is no {kind}") from None


def typed_where_possible(values: Sequence[str | None], kind: pyarrow.DataType, *, zoneless: bool) -> pyarrow.Array:
    """The same, with null for what is not of that type."""
    import pyarrow as pa

    try:
        return typed(values, kind, zoneless=zoneless)
    except ValueError:
        return pa.concat_arrays([_alone(value, kind, zoneless) for value in values])


def _alone(value: str | None, kind: pyarrow.DataType, zoneless: bool) -> Any:
    import pyarrow as pa

    try:
        return typed([value], kind, zoneless=zoneless)
    except ValueError:
        return pa.nulls(1, kind)


def _each(values: Sequence[str | None], kind: pyarrow.DataType, parse: Callable[[str], Any]) -> Any:
    import pyarrow as pa

    return pa.array([None if value is None else parse(value) for value in values], kind)


def _bytes(text: str) -> bytes:
    if not text.startswith("\\x"):
        raise ValueError
    return bytes.fromhex(text[2:])
