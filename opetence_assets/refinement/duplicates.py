"""One row a key, by a total order: there are no ties, so the same rows always give the same table."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.lake.tables import Table
from opetence_assets.refinement.judgement import ROW

LOADED_AT = "_loaded_at"


@dataclass(frozen=True)
class Unique:
    """``kept`` has one row a key (per cursor value where history is kept), ``extra`` every other row."""

    kept: pl.DataFrame
    extra: pl.DataFrame


def deduplicated(dataset: Dataset, rows: pl.DataFrame, silver: Table | None) -> Unique:
    """Finds the duplicate keys first and touches wide rows only there."""
    key = _identity(dataset)
    if dataset.keep_duplicates and silver is not None and silver.rows:
        known = silver.scan().select(key).collect()
        seen = rows.join(known, on=key, how="semi", nulls_equal=True)
        rows = rows.join(known, on=key, how="anti", nulls_equal=True)
    else:
        seen = rows.clear()
    repeated = rows.select(pl.struct(key).is_duplicated().alias("r"))["r"]
    if not repeated.any():
        return Unique(rows, seen)
    order = [c for c in (dataset.cursor, LOADED_AT, "_file", "_line", ROW) if c and c in rows.columns]
    groups = rows.filter(repeated).sort(order)
    kept = groups.unique(key, keep="last")
    extra = groups.join(kept.select(ROW), on=ROW, how="anti")
    return Unique(pl.concat([rows.filter(~repeated), kept]), pl.concat([seen, extra]))


def settled(dataset: Dataset, rows: pl.DataFrame, gone: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows and deletions of one pass set against each other: the later load decides for each key."""
    key = list(dataset.key)
    if not len(gone):
        return rows, rows.select(*key, pl.col(LOADED_AT).alias("_gone_at")).clear()
    last = gone.select(*key, pl.col(LOADED_AT).alias("_gone_at")).sort("_gone_at").unique(key, keep="last")
    compared = rows.join(last, on=key, how="left")
    current = compared.filter(pl.col("_gone_at").is_null() | (pl.col(LOADED_AT) > pl.col("_gone_at"))).drop("_gone_at")
    return current, last.join(current.select(key), on=key, how="anti")


def _identity(dataset: Dataset) -> list[str]:
    return [*dataset.key, dataset.cursor] if dataset.history and dataset.cursor else list(dataset.key)
