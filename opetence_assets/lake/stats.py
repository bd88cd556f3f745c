"""What a Parquet footer says of a file, as Delta's statistics: rows, and for simple columns least, greatest, nulls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

LONGEST_TEXT = 64  # longer bounds are left out: they would fill the log and prune nothing
EXACT_DIGITS = 15  # a JSON number holds no more


@dataclass(frozen=True)
class Footer:
    rows: int
    schema: pa.Schema
    stats: dict[str, Any]


def footer(path: Path) -> Footer:
    """The rows, Arrow schema and statistics of a local Parquet file, from its footer alone."""
    with pq.ParquetFile(path) as file:
        found, schema = file.metadata, file.schema_arrow
    least: dict[str, Any] = {}
    greatest: dict[str, Any] = {}
    nulls: dict[str, int] = {}
    for column in range(found.num_columns):
        chunks = [found.row_group(group).column(column) for group in range(found.num_row_groups)]
        name = found.schema.column(column).path
        if name not in schema.names or pa.types.is_nested(schema.field(name).type):
            continue
        parts = [chunk.statistics for chunk in chunks]
        if any(part is None for part in parts):
            continue
        if all(part.has_null_count for part in parts):
            nulls[name] = sum(part.null_count for part in parts)
        low, high = _bounds(schema.field(name).type, parts)
        if low is not None and high is not None:
            least[name], greatest[name] = low, high
    stats = {"numRecords": found.num_rows, "minValues": least, "maxValues": greatest, "nullCount": nulls}
    return Footer(found.num_rows, schema, stats)


def plain(value: Any) -> Any:
    """A bound as Delta's JSON has it: UTC timestamps end in Z, decimals are numbers."""
    if isinstance(value, datetime):
        text = value.replace(tzinfo=None).isoformat(timespec="microseconds")
        return f"{text}Z" if value.tzinfo else text
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def _bounds(kind: pa.DataType, parts: list[Any]) -> tuple[Any, Any]:
    """Least and greatest over the row groups that hold a value; None where the type or a group has no bounds."""
    valued = [part for part in parts if part.num_values]
    if not valued or not _is_bounded(kind) or not all(part.has_min_max for part in valued):
        return None, None
    low, high = plain(min(part.min for part in valued)), plain(max(part.max for part in valued))
    if any(isinstance(bound, str) and len(bound) > LONGEST_TEXT for bound in (low, high)):
        return None, None
    return low, high


def _is_bounded(kind: pa.DataType) -> bool:
    if pa.types.is_decimal(kind):
        return kind.precision <= EXACT_DIGITS
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    time = pa.types.is_date(kind) or (pa.types.is_timestamp(kind) and kind.unit in ("us", "ms"))
    return text or time or pa.types.is_integer(kind)  # floats: a NaN lies outside its file's bounds
