"""One row of any dataset, through everything between a source and silver, without a source or a lake."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from opetence_assets.dataset import Dataset, redacted
from opetence_assets.privacy.keys import key_store
from opetence_assets.privacy.treatment import protect
from opetence_assets.refinement.judgement import ROW, Judged, judge
from opetence_assets.refinement.shape import declared_types, silver_types, tidied

LOADED_AT = datetime(2026, 6, 1, tzinfo=UTC)
HASH_KEYS = {1: b"k" * 32}


def refined(dataset: Dataset, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """The silver rows of some source rows; a column left out takes a typical value of its type."""
    return judged(dataset, rows).valid.select(*silver_types(dataset))


def judged(dataset: Dataset, rows: Sequence[Mapping[str, Any]]) -> Judged:
    """The verdicts on some source rows."""
    return judge(dataset, tidied(dataset, landed(dataset, rows)))


def landed(dataset: Dataset, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Some source rows as bronze has them: personal columns treated, names as dlt spells them, load columns added."""
    types = source_types(dataset)
    frame = pl.DataFrame(
        [{name: row.get(name, sample(dataset, name, dtype)) for name, dtype in types.items()} for row in rows], types
    )
    with TemporaryDirectory() as folder, key_store(Path(folder) / "keys.sqlite", os.urandom(32)) as store:
        protected = protect(frame, dataset, store, HASH_KEYS)
    normalized = protected.rename({name: snake_case(name) for name in protected.columns})
    shape = getattr(dataset.feed, "shape", None)
    if shape is not None and shape.cursor:
        normalized = normalized.with_columns(pl.lit(LOADED_AT, pl.Datetime("us", "UTC")).alias("_cursor"))
    return normalized.with_columns(
        pl.lit("load").alias("_load_id"), pl.lit(LOADED_AT, pl.Datetime("us", "UTC")).alias("_loaded_at")
    ).with_row_index(ROW)


def source_types(dataset: Dataset) -> dict[str, pl.DataType]:
    """The source's columns: text for files, the declared types (zoneless times as UTC) for tables."""
    columns = getattr(dataset.feed, "columns", None)
    if columns is not None:
        return dict.fromkeys(columns, pl.String())
    return {name: dtype for name, dtype in declared_types(dataset).items() if name not in redacted(dataset)}


def sample(dataset: Dataset, name: str, dtype: pl.DataType) -> Any:
    """A value that the declaration allows; where the source sends text, the text of such a value."""
    column = dataset.schema.to_schema().columns.get(name)
    allowed = [check.statistics["allowed_values"] for check in column.checks if check.name == "isin"] if column else []
    if allowed and TEXTS.get(name) not in allowed[0]:
        return next(iter(allowed[0]))
    prefixes = (
        [check.statistics["string"] for check in column.checks if check.name == "str_startswith"] if column else []
    )
    if prefixes:
        return f"{prefixes[0]}1"
    declared = declared_types(dataset).get(name, dtype)
    if dataset.feed.kind == "stripe" and (name == "currency" or isinstance(declared, pl.Datetime | pl.Int64)):
        return "eur" if name == "currency" else "1767225600"
    if dtype != pl.String() or declared == pl.String() or name in TEXTS:
        return typical(name, dtype)
    value = typical(name, declared)
    return str(value).lower() if isinstance(value, bool) else str(value)


def typical(name: str, dtype: pl.DataType) -> Any:
    match dtype:
        case pl.String():
            return TEXTS.get(name, "x")
        case pl.Date():
            return date(1990, 1, 1)
        case pl.Datetime():
            return datetime(2026, 1, 1, tzinfo=UTC)
        case pl.Boolean():
            return True
        case pl.Decimal():
            return Decimal("1.00")
        case _:
            return 1


def snake_case(name: str) -> str:
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    return NamingConvention().normalize_identifier(name)


# Text that the rules of some column allow; everything else may be any text.
TEXTS = {
    "order_id": "O0000000001",
    "review_id": "R0000000001",
    "status": "delivered",
    "currency": "EUR",
    "email": "a@example.org",
    "event_type": "Comment",
    "segment": "new",
    "purpose": "analytics",
    "date": "2026-01-01",
    "impressions": "10",
    "clicks": "1",
    "spend": "1.50",
    "amount": "1,50",
    "settled_on": "31.12.2025",
    "InvoiceNo": "536365",
    "Quantity": "6",
    "InvoiceDate": "2010-12-01 08:26:00",
    "UnitPrice": "2.55",
    "CustomerID": "17850.0",
    "cost_micros": "1500000",
    "sent_on": "2026-01-01",
    "cost": "1.50",
    "month": "2026-01",
    "budget": "€1,234.50",
}
