"""Rows that are lost on the way, and silver as no refinement would write it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.lake.progress import last_progress
from opetence_assets.refinement.shape import rules_of, silver_types, table_types
from opetence_assets_tests.quality.company import Case, arrived, judged, overwritten
from opetence_assets_tests.quality.kinds import Corruption, loaded
from opetence_assets_tests.quality.strikes import identifying, renamed


def of_counts(dataset: Dataset, bronze: pl.Schema) -> Iterator[Corruption]:
    """Rows that the source has and silver has not."""
    if not dataset.counted:
        return
    key = identifying(dataset)

    def lost(case: Case, chance: random.Random) -> pl.DataFrame:
        """New rows, of which some never arrive."""
        fresh = renamed(case.dataset, case.rows.head(20), 1)
        return pl.concat([case.rows, fresh.head(15)])

    yield Corruption("rows lost before bronze", dataset, "complete", "5 missing", loaded(lost, total_keys=20))
    behind = loaded(lambda case, _: case.rows, total_keys=3)
    yield Corruption("rows behind the cursor", dataset, "complete", "3 missing", behind)

    def reused(case: Case, _: random.Random) -> pl.DataFrame:
        fresh = case.rows.head(12)
        return pl.concat([case.rows, fresh.with_columns(pl.lit(case.rows[key][0], case.rows.schema[key]).alias(key))])

    yield Corruption("keys reused for new rows", dataset, "complete", "missing", loaded(reused, total_keys=12))

    def short(case: Case, _: random.Random) -> None:
        silver = case.table("silver").scan().collect()
        overwritten(case, silver.head(len(silver) - 4))
        judged(case)

    yield Corruption("rows lost in silver", dataset, "complete", "missing", short)


def of_silver(dataset: Dataset, bronze: pl.Schema) -> Iterator[Corruption]:
    """Silver written past refinement, or by a refinement that is wrong."""

    def rewritten(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable[[Case, random.Random], None]:
        def strike(case: Case, _: random.Random) -> None:
            overwritten(case, change(case.table("silver").scan().collect()))
            judged(case)

        return strike

    twice = rewritten(lambda rows: pl.concat([rows, rows.head(3)]))
    yield Corruption("exact duplicates in silver", dataset, "unique_key", dataset.key[0], twice)
    required = [r.name.removesuffix(": null") for r in rules_of(dataset) if r.name.endswith(": null")]
    required = [name for name in required if name in table_types(dataset) and name not in dataset.key]
    if required:
        name = required[len(required) // 2]
        empty = rewritten(lambda rows, name=name: rows.with_columns(_one_null(name)))
        yield Corruption("null in silver", dataset, "rules", f"{name}: null", empty)

    column = list(silver_types(dataset))[-1]
    other = f"{column}_old"
    renamed_there = rewritten(lambda rows: rows.rename({column: other}))
    yield Corruption("column renamed in silver", dataset, "schema", column, renamed_there)
    for name in dataset.completeness.null_rate_at_most:
        fewer = rewritten(lambda rows, name=name: rows.with_columns(_every_fifth_null(name)))
        yield Corruption("column emptier than declared", dataset, "filled", name, fewer)

    def skipped(case: Case, _: random.Random) -> None:
        arrived(case, case.rows)
        bronze = case.table("bronze")
        silver = case.table("silver")
        known = last_progress(case.lake, silver.key, silver.version)
        consumed = {**known["consumed"], bronze.key: bronze.version}
        overwritten(case, silver.scan().collect(), consumed=consumed)
        judged(case)

    yield Corruption("rows lost between bronze and silver", dataset, "conserved", "rows accounted for", skipped)


def _one_null(name: str) -> pl.Expr:
    return pl.when(pl.int_range(pl.len()) == 1).then(None).otherwise(pl.col(name)).alias(name)


def _every_fifth_null(name: str) -> pl.Expr:
    return pl.when(pl.int_range(pl.len()) % 5 == 0).then(None).otherwise(pl.col(name)).alias(name)
