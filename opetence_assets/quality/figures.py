"""What a silver table brings by the day of its events: one scan of the days asked for, as long rows of figures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.lake.tables import Table
from opetence_assets.privacy.treatment import treated_columns
from opetence_assets.refinement.shape import IS_CURRENT, silver_types

LONG = {"metric_name": pl.String, "segment": pl.String, "day": pl.Date, "value": pl.Float64}
SEGMENTS = 20  # of one column are watched apart, those with the most rows: a series for each of a thousand says nothing


def event_column(dataset: Dataset) -> str | None:
    """The silver column that says on which day a row happened; None where nothing does (a state, a price list)."""
    if dataset.day_column:
        return dataset.day_column
    dates = [name for name, dtype in silver_types(dataset).items() if dtype == pl.Date]
    return dates[0] if dataset.feed.since and len(dates) == 1 else None


def event_day(dataset: Dataset) -> pl.Expr:
    """The UTC day of a row's event, as a Date."""
    column = event_column(dataset)
    assert column is not None
    return pl.col(column).cast(pl.Date).alias("day")


def nullable(dataset: Dataset) -> list[str]:
    """Silver's columns that may be null; of the others a rule judges every row."""
    treated = {t.source: t.name for t in treated_columns(dataset)}
    columns = dataset.schema.to_schema().columns
    names = [treated.get(name, name) for name, column in columns.items() if column.nullable]
    return [name for name in names if name in silver_types(dataset)]


def rows_of(dataset: Dataset, silver: Table) -> pl.LazyFrame:
    """The rows that stand for something: of a history, those that hold now."""
    return silver.scan().filter(IS_CURRENT) if dataset.history else silver.scan()


def by_day(dataset: Dataset, silver: Table, days: Sequence[date] | None = None) -> pl.DataFrame:
    """Every figure of each day (None: of all days), as ``LONG``; a segment is ``column=value``, or empty."""
    if event_column(dataset) is None or (days is not None and not days):
        return pl.DataFrame(schema=LONG)
    rows, day = _of_days(dataset, rows_of(dataset, silver), days), event_day(dataset)
    asked = [
        rows.group_by(day).agg(pl.len().alias("rows"), *_figures(dataset), *_whole_only(dataset)),
        *(rows.group_by(day, _segment(name)).agg(pl.len().alias("rows"), *_figures(dataset)) for name in _by(dataset)),
    ]
    whole, *apart = pl.collect_all(asked, engine="streaming")
    long = [_long(whole.with_columns(pl.lit("").alias("segment")))]
    return pl.concat([*long, *(_long(_largest(frame)) for frame in apart)]).sort("metric_name", "segment", "day")


def _of_days(dataset: Dataset, rows: pl.LazyFrame, days: Sequence[date] | None) -> pl.LazyFrame:
    """Bounds on the column itself, so that files of other months are not opened, and the days themselves."""
    if days is None:
        return rows.filter(event_day(dataset).is_not_null())
    column = pl.col(event_column(dataset) or "")
    bounds = column.is_between(min(days), max(days) + timedelta(1))
    return rows.filter(bounds & event_day(dataset).is_in(list(days)))


def _figures(dataset: Dataset) -> list[pl.Expr]:
    """Sum and mean of what is watched, and how far single rows lie apart: what a mean may vary by chance."""
    watched = [pl.col(name).cast(pl.Float64) for name in dataset.watch.figures]
    named = list(zip(dataset.watch.figures, watched, strict=True))
    return [
        *(value.sum().alias(f"sum({name})") for name, value in named),
        *(value.mean().alias(f"mean({name})") for name, value in named),
        *(value.std(ddof=0).alias(f"std({name})") for name, value in named),
    ]


def _whole_only(dataset: Dataset) -> list[pl.Expr]:
    """What is not told by segment: nulls, distinct values, and the time of day on the clock's circle."""
    column = event_column(dataset) or ""
    nulls = [(pl.col(name).null_count() / pl.len()).alias(f"null_rate({name})") for name in nullable(dataset)]
    distinct = [pl.col(name).n_unique().alias(f"distinct({name})") for name in dataset.watch.distinct]
    if silver_types(dataset).get(column) == pl.Date:
        return [*nulls, *distinct]
    time = pl.col(column).dt
    angle = (time.hour().cast(pl.Float64) + time.minute() / 60) * (2 * 3.141592653589793 / 24)
    hour = pl.arctan2(angle.sin().mean(), angle.cos().mean()) * (24 / (2 * 3.141592653589793)) % 24
    return [*nulls, *distinct, hour.alias("hour")]


def _by(dataset: Dataset) -> tuple[str, ...]:
    return dataset.watch.by


def _segment(name: str) -> pl.Expr:
    return pl.concat_str(pl.lit(f"{name}="), pl.col(name).cast(pl.String).fill_null("(none)")).alias("segment")


def _largest(frame: pl.DataFrame) -> pl.DataFrame:
    totals = frame.group_by("segment").agg(pl.col("rows").sum()).sort("rows", "segment", descending=[True, False])
    return frame.filter(pl.col("segment").is_in(totals["segment"].head(SEGMENTS).to_list()))


def _long(frame: pl.DataFrame) -> pl.DataFrame:
    names = [name for name in frame.columns if name not in ("day", "segment")]
    cast = frame.with_columns(pl.col(names).cast(pl.Float64))
    long = cast.unpivot(names, index=["day", "segment"], variable_name="metric_name")
    return long.select(pl.col(name).cast(dtype) for name, dtype in LONG.items()).drop_nulls("value")
