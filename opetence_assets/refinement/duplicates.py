"""One row a key, by a total order: there are no ties, so the same rows always give the same table."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.lake.tables import Table
from opetence_assets.refinement.judgement import ROW

LOADED_AT, POSITION = "_loaded_at", "_position"


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
    order = [c for c in _order(dataset, rows) if c in rows.columns]
    groups = rows.filter(repeated).sort(order)
    # Where duplicates are kept the first load has the row, as it has where each load is refined by itself.
    first = pl.col(LOADED_AT) == pl.col(LOADED_AT).min().over(key) if dataset.keep_duplicates else pl.lit(True)
    kept = groups.filter(first).unique(key, keep="last")
    extra = groups.join(kept.select(ROW), on=ROW, how="anti")
    return Unique(pl.concat([rows.filter(~repeated), kept]), pl.concat([seen, extra]))


def newest(dataset: Dataset, rows: pl.DataFrame) -> pl.DataFrame:
    """The last row of each key, by the order that decides among duplicates."""
    order = [c for c in _order(dataset, rows) if c in rows.columns]
    return rows.sort(order).unique(list(dataset.key), keep="last")


@dataclass(frozen=True)
class Settled:
    """Rows that outlive the deletions of their pass; the keys that are gone (with ``_gone_at``); the keys that were
    gone in between, whose new row is no successor of the one that silver has."""

    rows: pl.DataFrame
    gone: pl.DataFrame
    reborn: pl.DataFrame


def settled(dataset: Dataset, rows: pl.DataFrame, gone: pl.DataFrame) -> Settled:
    """Rows and deletions of one pass set against each other: the later load decides for each key, or the source's own
    order where it tells one. Before duplicates are told apart: a row that was deleted is nobody's newer version.
    """
    key, when = list(dataset.key), POSITION if POSITION in rows.columns else LOADED_AT
    deletions = [*key, pl.col(when).alias("_after"), pl.col(LOADED_AT).alias("_gone_at")]
    if not len(gone):
        none = rows.select(deletions).drop("_after").clear()
        return Settled(rows, none, none.select(key))
    last = gone.select(deletions).sort("_after").unique(key, keep="last")
    compared = rows.join(last.drop("_gone_at"), on=key, how="left")
    # A load knows which keys are gone only after it has seen every row: a row of the same load is there.
    stays = pl.col(when) > pl.col("_after") if when == POSITION else pl.col(when) >= pl.col("_after")
    current = compared.filter(pl.col("_after").is_null() | stays).drop("_after")
    ended = last.drop("_after").join(current.select(key), on=key, how="anti")
    return Settled(current, ended, last.select(key).join(current.select(key), on=key, how="semi"))


def _order(dataset: Dataset, rows: pl.DataFrame) -> tuple[str, ...]:
    """What a later row is later in; a source that tells its own order is believed before any clock."""
    if POSITION in rows.columns:
        return (POSITION, ROW)
    return (*((dataset.cursor,) if dataset.cursor else ()), LOADED_AT, ROW)  # rows stand as they arrived


def _identity(dataset: Dataset) -> list[str]:
    return [*dataset.key, dataset.cursor] if dataset.history and dataset.cursor else list(dataset.key)
