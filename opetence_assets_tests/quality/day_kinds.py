"""A day unlike its weekday: rows, amounts, hours, segments and nulls, each with what must be said of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.quality.figures import event_column
from opetence_assets.refinement.shape import declared_types
from opetence_assets_tests.quality.company import Case, last_day, on_day, tidied
from opetence_assets_tests.quality.kinds import Change, Corruption, loaded
from opetence_assets_tests.quality.strikes import (
    moved,
    multiplied,
    optional,
    repeated,
    some,
    truncated,
    without,
    written,
)


def of_days(dataset: Dataset, bronze: pl.Schema, *, hours: bool) -> Iterator[Corruption]:
    """Of tables that bring enough for a day to be judged by; with ``hours``, if they have their time of day."""
    watch, event = dataset.watch, event_column(dataset)
    table, types = dataset.feed.name, declared_types(dataset)
    yield Corruption("truncated day", dataset, "usual", table, loaded(lambda case, _: truncated(case, 0.4)))
    yield Corruption("spike", dataset, "usual", table, loaded(lambda case, _: repeated(case, 4)))
    yield Corruption("doubled load under new keys", dataset, "usual", table, loaded(lambda case, _: repeated(case, 2)))
    missing = ("usual", table) if dataset.cursor else ("fresh", "old")  # without other changes it is a silent source
    yield Corruption("missing day", dataset, *missing, loaded(lambda case, _: truncated(case, 0.0)))
    for figure in (name for name in watch.figures if name in bronze):
        for kind, factor in (("amounts in cents", 100.0), ("amounts of zero", 0.0)):
            if not factor and any(figure in rule.meta.root_names() for rule in dataset.rules.values()):
                continue  # a rule on columns together refuses it before any day is judged
            strike = loaded(_scaled(figure, types[figure], factor))
            yield Corruption(kind, dataset, "usual", f"({figure})", strike)
    for column in (name for name in watch.distinct if name in bronze):
        yield Corruption("all of a day the same", dataset, "usual", f"distinct({column})", loaded(_same(column)))
    if hours and event in bronze:
        strike = loaded(_shifted(event or ""))
        yield Corruption("a day's times moved by hours", dataset, "usual", "time of day", strike)
    for column in watch.by:
        if watch.settles and column in bronze and column in _states(dataset):
            strike = loaded(_swallowed(column))
            yield Corruption("one segment swallows the others", dataset, "usual", f"{column}=", strike)
    if not watch.settles:
        for column in watch.by:
            strike = loaded(lambda case, _, column=column: without(case, column))
            yield Corruption("segment vanished", dataset, "usual", f"{column}=", strike)
        for column in optional(dataset, pl.DataFrame(schema=bronze)):
            yield Corruption("burst of nulls", dataset, "usual", f"null_rate({column})", loaded(_emptied(column)))


def _states(dataset: Dataset) -> tuple[str, ...]:
    """Segments that are states: a wrong update turns all of a settled day's into one of them."""
    return tuple(name for name in dataset.watch.by if name != dataset.key[0])


def _swallowed(column: str) -> Change:
    """The rows of the day that has just settled come again, all in the rarest segment."""

    def change(case: Case, _: random.Random) -> pl.DataFrame:
        bronze = case.table("bronze").scan().collect()
        day = last_day(case) - case.dataset.watch.settles
        settled = bronze.filter(on_day(case, bronze, day))
        rarest = bronze[column].value_counts(sort=True)[column][-1]
        again = settled.with_columns(pl.lit(rarest).alias(column))
        newest = pl.lit(case.rows["_loaded_at"].max()).alias("_loaded_at")
        return pl.concat([case.rows, again.with_columns(newest)], how="diagonal_relaxed")

    return change


def _scaled(column: str, dtype: pl.DataType, factor: float) -> Change:
    return lambda case, _: multiplied(case.rows, on_day(case, case.rows, last_day(case)), column, factor, dtype)


def _same(column: str) -> Change:
    def change(case: Case, _: random.Random) -> pl.DataFrame:
        today = on_day(case, case.rows, last_day(case))
        return written(case.rows, today, column, case.rows.filter(today)[column][0])

    return change


def _shifted(column: str) -> Change:
    def change(case: Case, _: random.Random) -> pl.DataFrame:
        hour = tidied(case, case.rows)[column].dt.hour()
        today = on_day(case, case.rows, last_day(case)) & (hour >= 6).fill_null(False)
        return moved(case.rows, today, column, -timedelta(hours=6))

    return change


def _emptied(column: str) -> Change:
    def change(case: Case, chance: random.Random) -> pl.DataFrame:
        today = on_day(case, case.rows, last_day(case))
        return written(case.rows, today & some(case.rows, chance, len(case.rows) * 7 // 10), column, None)

    return change
