"""The tidy of sources whose values land as text: the types stand in the schema, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    import pandera.polars as pa

_TRUTH = {"true": True, "false": False, "True": True, "False": False, "1": True, "0": False}


def typed(schema: type[pa.DataFrameModel]) -> Callable[[pl.LazyFrame], pl.LazyFrame]:
    """A tidy that casts every text column to the type its field declares; what cannot be cast becomes null.

    Numbers have a decimal point, dates are ``2026-01-31``, times ISO-8601 (UTC where they name no zone), truth is
    ``true``/``false`` or 1/0. A null where none may be is refused by the schema, with its reason.
    """

    def tidy(raw: pl.LazyFrame) -> pl.LazyFrame:
        found = raw.collect_schema()
        wanted = {name: column.dtype.type for name, column in schema.to_schema().columns.items()}
        return raw.with_columns(
            _cast(name, dtype)
            for name, dtype in wanted.items()
            if found.get(name) == pl.String and dtype not in (pl.String, pl.String())
        )

    return tidy


def _cast(name: str, dtype: Any) -> pl.Expr:
    text = pl.col(name)
    match dtype() if isinstance(dtype, type) else dtype:
        case pl.Boolean():
            return text.replace_strict(_TRUTH, default=None, return_dtype=pl.Boolean)
        case pl.Date():
            return text.str.to_date("%Y-%m-%d", strict=False)
        case pl.Datetime():
            return moment_of(text)
        case other:
            return text.cast(other, strict=False)


def moment_of(text: pl.Expr) -> pl.Expr:
    """Any of the ways ISO-8601 is written; one column may mix them."""
    zoned = text.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    plain = text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
    spaced = text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    return pl.coalesce(zoned, plain.dt.replace_time_zone("UTC"), spaced.dt.replace_time_zone("UTC"))
