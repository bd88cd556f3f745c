"""A day that is not the same in two zones: lost, doubled or moved on the way, also where the totals agree."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator
from datetime import date, timedelta

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.tables import Table
from opetence_assets.quality.across import is_counted_by_day
from opetence_assets.quality.figures import event_day
from opetence_assets_tests.quality.company import Case, arrived, judged, on_day, overwritten, refined
from opetence_assets_tests.quality.kinds import Change, Corruption, loaded
from opetence_assets_tests.quality.strikes import renamed

Between = Callable[[pl.DataFrame, pl.Series], pl.DataFrame]  # silver's rows, and which of them are of the day


def of_hops(dataset: Dataset, bronze: Table) -> Iterator[Corruption]:
    """Of the fullest of the days that the newest load counted at the source."""
    told: dict[str, int] = last_progress(bronze.lake, bronze.key, bronze.version).get("days") or {}
    if not is_counted_by_day(dataset) or dataset.history or not told:
        return
    day = _date(max(sorted(told)[1:] or told, key=told.__getitem__))

    for new in _new_day(dataset, bronze, told):
        yield Corruption("day lost before bronze", dataset, "complete_by_day", f"{new}: ", loaded(_lost(new)))
        yield Corruption("day doubled before bronze", dataset, "complete_by_day", f"{new}: ", loaded(_doubled(new)))
    for kind, change in _between(dataset).items():
        yield Corruption(kind, dataset, "complete_by_day", f"{day}: ", _rewritten(change, day))


def _new_day(dataset: Dataset, bronze: Table, told: Collection[str]) -> list[date]:
    """The counted day of which the newest load brought most rows that nobody had seen before, if any."""
    rows = bronze.scan().with_columns(pl.col(dataset.day_column or "").cast(pl.Date).alias("day"))
    first = rows.group_by(dataset.key).agg(pl.col("_loaded_at").min(), pl.col("day").last())
    new = first.filter(pl.col("_loaded_at") == pl.col("_loaded_at").max(), pl.col("day").is_in([*map(_date, told)]))
    return new.group_by("day").len().sort("len", "day").tail(1).collect()["day"].to_list()


def _date(text: str) -> date:
    return date.fromisoformat(text)


def _lost(day: date) -> Change:
    return lambda case, _: case.rows.filter(~on_day(case, case.rows, day))


def _doubled(day: date) -> Change:
    def change(case: Case, _: random.Random) -> pl.DataFrame:
        today = case.rows.filter(on_day(case, case.rows, day))
        return pl.concat([case.rows, renamed(case.dataset, today, 1)])

    return change


def _between(dataset: Dataset) -> dict[str, Between]:
    column = dataset.day_column or ""

    def gone(rows: pl.DataFrame, today: pl.Series) -> pl.DataFrame:
        return rows.filter(~today)

    def twice(rows: pl.DataFrame, today: pl.Series) -> pl.DataFrame:
        return pl.concat([rows, renamed(dataset, rows.filter(today), 1)])

    def moved(rows: pl.DataFrame, today: pl.Series) -> pl.DataFrame:
        before = pl.when(today).then(pl.col(column) - timedelta(days=1)).otherwise(pl.col(column))
        return rows.with_columns(before.alias(column))

    def instead(rows: pl.DataFrame, today: pl.Series) -> pl.DataFrame:
        """As many rows as before: what the day lost stands on another one, under its keys."""
        days = rows[column].cast(pl.Date)
        other = (days == days.filter(~today & days.is_not_null()).max()).fill_null(False)
        there, here = rows.filter(other), rows.filter(today)
        copies = renamed(dataset, there, 1).head(len(here))
        return pl.concat([rows.filter(~today), copies, here.head(len(here) - len(copies) - 1)])

    return {
        "day lost between bronze and silver": gone,
        "day doubled in silver": twice,
        "day moved in silver": moved,
        "day lost in silver, another doubled": instead,
    }


def _rewritten(change: Between, day: date) -> Callable[[Case, random.Random], None]:
    def strike(case: Case, _: random.Random) -> None:
        arrived(case, case.rows)
        refined(case)
        rows = case.table("silver").scan().collect()
        overwritten(case, change(rows, rows.select(event_day(case.dataset) == day)["day"].fill_null(False)))
        judged(case)

    return strike
