"""The days of each table, from the source to gold: where rows are missing, or too many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.quality.across import ZONES, agrees, by_day, missing, told
from opetence_assets.quality.history import newest
from opetence_assets.quality.marts import COUNTS
from opetence_assets.report.facts import Across, DayRows


def days_across(datasets: Sequence[Dataset], records: pl.DataFrame) -> tuple[Across, ...]:
    """Every table whose rows were counted by day: silver's against their source, gold's against silver.

    ``records``: the whole history.
    """
    tables = [
        _of_silver(dataset, records.filter(pl.col("table_name") == dataset.table("silver"))) for dataset in datasets
    ]
    return tuple(each for each in (*tables, *_of_gold(records)) if each.days)


def _of_silver(dataset: Dataset, records: pl.DataFrame) -> Across:
    """As last counted: what was missing of days before may have come since, and is not counted again."""
    counted = records.filter(pl.col("table_name") == dataset.table("silver"), pl.col("metric_name").is_in(ZONES))
    last = counted.filter(pl.col("table_version") == pl.col("table_version").max())
    allowed = dataset.completeness.missing_at_most
    days = [
        DayRows(day, agrees(rows, allowed), -missing(rows), told(rows)) for day, rows in sorted(by_day(last).items())
    ]
    return Across(dataset.table("silver"), tuple(days), f"opetence run --select {dataset.name} --reload")


def _of_gold(records: pl.DataFrame) -> list[Across]:
    counted = newest(records.filter(pl.col("target_system") == "gold", pl.col("metric_name").is_in(COUNTS)))
    wide = counted.pivot("metric_name", index=["table_name", "segment", "day"], values="value").sort(
        "table_name", "day", "segment"
    )
    days: dict[str, list[DayRows]] = {}
    for row in wide.iter_rows(named=True) if len(wide) else ():
        here, there = (int(row[name]) for name in COUNTS)
        source = row["segment"].removeprefix("source=")
        said = DayRows(row["day"], here == there, here - there, f"{here:,} rows in gold, {there:,} in {source}")
        days.setdefault(row["table_name"], []).append(said)
    return [Across(table, tuple(rows), _again(rows)) for table, rows in days.items()]


def _again(rows: Sequence[DayRows]) -> str:
    """What builds the days anew that differ."""
    wrong = [row.day for row in rows if not row.agrees]
    if not wrong:
        return ""
    until = max(wrong) + timedelta(days=1)
    return f"opetence run --select gold --rebuild-from {min(wrong)} --rebuild-to {until}"
