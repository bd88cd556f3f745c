"""What can go wrong with a table's newest load: each takes bronze rows and gives them back wrong."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.quality.figures import event_column
from opetence_assets.refinement.shape import declared_types, silver_types
from opetence_assets_tests.quality.company import Case, last_day, on_day, tidied

FEW = 2  # rows struck where one would do


def some(rows: pl.DataFrame, chance: random.Random, many: int = FEW) -> pl.Series:
    """A few of the rows, as booleans."""
    struck = set(chance.sample(range(len(rows)), min(many, len(rows))))
    return pl.Series([n in struck for n in range(len(rows))])


def some_kept(case: Case, chance: random.Random, many: int = FEW) -> pl.Series:
    """A few of the load's rows, as booleans, none that the declaration leaves out: nothing would be said of it."""
    left_out = [each.fill_null(False) for each in case.dataset.filters.values()]
    if not left_out:
        return some(case.rows, chance, many)
    kept = tidied(case, case.rows).filter(~pl.any_horizontal(left_out))["_row"].to_list()
    struck = set(chance.sample(kept, min(many, len(kept))))
    return pl.Series([n in struck for n in range(len(case.rows))])


def written(rows: pl.DataFrame, which: pl.Series, column: str, value: Any) -> pl.DataFrame:
    """The rows with a value in one column of some, as text where the source sends text."""
    dtype = rows.schema[column]
    text = value if value is None or dtype != pl.String() else str(value)
    return rows.with_columns(pl.when(which).then(pl.lit(text, dtype)).otherwise(pl.col(column)).alias(column))


def multiplied(rows: pl.DataFrame, which: pl.Series, column: str, factor: float, declared: pl.DataType) -> pl.DataFrame:
    """A number times a factor, in the notation that the column is written in."""
    dtype = rows.schema[column]
    text = dtype == pl.String()
    comma = text and bool(rows[column].str.contains(",", literal=True).any())
    number = pl.col(column).str.replace(",", ".", literal=True) if comma else pl.col(column)
    product = number.cast(pl.Float64) * factor
    whole = declared.is_integer()
    product = product.round(0).cast(pl.Int64) if whole else product.round(2)
    told = product.cast(pl.String).str.replace(".", ",", literal=True) if comma else product.cast(dtype)
    return rows.with_columns(pl.when(which).then(told).otherwise(pl.col(column)).alias(column))


def moved(rows: pl.DataFrame, which: pl.Series, column: str, by: timedelta) -> pl.DataFrame:
    """Times moved, whether the source writes them as such, as ISO-8601 or as seconds since 1970."""
    value = pl.col(column)
    if rows.schema[column] == pl.String():
        seconds = bool(rows[column].drop_nulls().str.contains(r"^\d+$").all())
        if seconds:
            later = (value.cast(pl.Int64, strict=False) + int(by.total_seconds())).cast(pl.String)
        else:
            moment = value.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
            plain = value.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
            either = pl.coalesce(moment, plain.dt.replace_time_zone("UTC"))
            later = (either + by).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    else:
        later = value + by
    return rows.with_columns(pl.when(which).then(later).otherwise(value).alias(column))


def identifying(dataset: Dataset) -> str:
    """The column of the key that tells one thing from another on the same day."""
    event = event_column(dataset)
    return next((name for name in dataset.key if name != event), dataset.key[0])


def renamed(dataset: Dataset, rows: pl.DataFrame, number: int) -> pl.DataFrame:
    """The same rows under keys that nobody has used, of the form that keys have."""
    column = identifying(dataset)
    value, dtype = pl.col(column), rows.schema[column]
    if declared_types(dataset).get(column, dtype).is_integer():
        fresh = (value.cast(pl.Int64) + number * 100_000_000).cast(dtype)
    else:
        tail = value.str.extract(r"(\d{4,})$")
        digit = pl.lit(str(number + 7))
        longer = value.str.head(value.str.len_chars() - tail.str.len_chars()) + digit + tail.str.slice(1)
        fresh = pl.when(tail.is_not_null()).then(longer).otherwise(value + f"_{number}")
    return rows.with_columns(fresh.cast(dtype).alias(column))


def repeated(case: Case, times: int) -> pl.DataFrame:
    """The day's rows so many times over, each time under new keys."""
    today = case.rows.filter(on_day(case, case.rows, last_day(case)))
    return pl.concat([case.rows, *(renamed(case.dataset, today, n) for n in range(1, times))])


def truncated(case: Case, share: float) -> pl.DataFrame:
    """The first rows of the day only, as a load that broke off leaves them."""
    column = event_column(case.dataset)
    told = tidied(case, case.rows).select("_row", pl.col(column or "").alias("at"))
    today = on_day(case, case.rows, last_day(case))
    order = told.filter(today).sort("at", "_row")["_row"]
    lost = order.tail(len(order) - int(len(order) * share)).to_list()
    return case.rows.with_row_index("_row").filter(~pl.col("_row").is_in(lost)).drop("_row")


def without(case: Case, segment: str) -> pl.DataFrame:
    """The day without its largest segment of a column."""
    told = tidied(case, case.rows)
    today = on_day(case, case.rows, last_day(case))
    largest = told.filter(today)[segment].value_counts(sort=True)[segment][0]
    return case.rows.filter(~(today & (told[segment] == largest).fill_null(False)))


def optional(dataset: Dataset, rows: pl.DataFrame) -> list[str]:
    """Nullable columns that bronze has under silver's name."""
    columns = dataset.schema.to_schema().columns
    return [n for n in silver_types(dataset) if n in columns and columns[n].nullable and n in rows.columns]
