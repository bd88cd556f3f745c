"""Gold's rows of each business day beside those of the silver table that they are made from, kept as history.

Counted by every build of what it built, whether its tests passed or not: of a refused build the history is all that is
left. A build's counts are one measurement, under the moment it was made.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from opetence_assets.lake.places import Lake
from opetence_assets.quality.across import SHARE
from opetence_assets.quality.history import RECORD_TYPES, Run, history, keep, newest, task_of
from opetence_assets.quality.metrics import Metric

BUILDS = "builds"  # what waits under this name was measured of a build, not of a table
COUNTS = ("gold_rows", "silver_rows")


@dataclass(frozen=True)
class Mart:
    """A gold table and the silver table whose rows it has by day, both as lake keys, and who owns it."""

    table: str
    source: str
    owner: str

    @property
    def segment(self) -> str:
        """A table may be made from several."""
        return f"source={self.source}"


def mart_metrics(mart: Mart) -> tuple[Metric, ...]:
    """What is measured of it, by day."""
    system = mart.source.split("/")[1]
    asked = (
        ("volume", "gold_rows", f"rows made from {mart.source}", "rows"),
        ("volume", "silver_rows", f"rows of {mart.source}, by business day", "rows"),
        ("completeness", SHARE, "gold_rows / silver_rows", "share"),
    )
    return tuple(Metric(*four, mart.table, system, mart.owner, by_day=True) for four in asked)


def measure_build(
    marts: Collection[Mart], lake: Lake, counted: pl.DataFrame, versions: Mapping[str, int], run: Run | None = None
) -> bool:
    """Leaves what is new of a build's counts for the next release; False where nothing is.

    Args:
        counted: ``table``, ``source``, ``day``, ``gold_rows``, ``silver_rows``; every day of each table in it.
        versions: of the gold tables; of a build that failed those that people go on reading.
    """
    now, run = datetime.now(UTC), run or Run()
    wanted = pl.col("target_system").eq("gold") & pl.col("metric_name").is_in([*COUNTS, SHARE])
    news = _news(newest(history(lake, where=wanted)), counted)
    if news.is_empty():
        return False
    told = {(mart.table, mart.segment, m.metric_name): m for mart in marts for m in mart_metrics(mart)}
    metrics = [told[key] for key in news.select("table_name", "segment", "metric_name").iter_rows()]
    rows = news.with_columns(
        metric_type=pl.Series([m.metric_type for m in metrics], dtype=pl.String),
        formula=pl.Series([m.formula for m in metrics], dtype=pl.String),
        source_system=pl.Series([m.source_system for m in metrics], dtype=pl.String),
        domain=pl.Series([m.domain for m in metrics], dtype=pl.String),
        table_version=pl.Series([versions.get(m.table_name, -1) for m in metrics], dtype=pl.Int64),
        target_system=pl.lit("gold"),
        measured_at=pl.lit(now),
        run_id=pl.lit(run.id),
        run_url=pl.lit(run.url),
    )
    records = rows.select(pl.col(name).cast(dtype) for name, dtype in RECORD_TYPES.items())  # pyright: ignore[reportArgumentType]
    number = int(now.timestamp() * 1_000_000)
    task = task_of(BUILDS, number, None, records["day"].n_unique(), len(records), now)
    return keep(lake, BUILDS, number, records, {**task, "run_id": run.id, "run_url": run.url, "seconds": 0.0})


def _news(known: pl.DataFrame, counted: pl.DataFrame) -> pl.DataFrame:
    """What differs from the last word on it; a day that neither side has any more has no rows now."""
    figure = ["table_name", "segment", "metric_name", "day"]
    named = counted.with_columns(pl.col("table").alias("table_name"), ("source=" + pl.col("source")).alias("segment"))
    shares = named.with_columns((pl.col("gold_rows") / pl.col("silver_rows")).alias(SHARE))
    long = shares.unpivot([*COUNTS, SHARE], index=["table_name", "segment", "day"], variable_name="metric_name")
    asked = named.select("table_name", "segment").unique()
    was = known.join(asked, on=["table_name", "segment"], how="semi").select(*figure, pl.col("value").alias("was"))
    both = long.filter(pl.col("value").is_finite()).join(was, on=figure, how="full", coalesce=True)
    gone = pl.when(pl.col("metric_name") == SHARE).then(None).otherwise(0.0)
    now = both.with_columns(pl.coalesce("value", gone).alias("value")).drop_nulls("value")
    return now.filter(pl.col("value").ne_missing(pl.col("was"))).select(*figure, "value").sort(figure)
