"""Refused rows, as bronze has them (still sealed), with reasons and origin: nothing vanishes, all can be replayed."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.lake.commits import commit
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import Table, open_table
from opetence_assets.refinement.files import arrow_schema, staged
from opetence_assets.refinement.judgement import REASONS, ROW
from opetence_assets.refinement.shape import rules_of

DUPLICATE = "duplicate_row"
REASON, RULES_VERSION, BRONZE_VERSION = "_reason", "_rules_version", "_bronze_version"


def quarantine(
    dataset: Dataset,
    lake: Lake,
    scratch: Path,
    bronze: Table,
    raw: pl.DataFrame,
    refused: pl.DataFrame,
    extra: pl.DataFrame,
) -> None:
    """Commits the refused rows (and exact duplicates, where declared) before silver takes the rest.

    A pass that is run again, after a kill or as a backfill, finds the very rows there and adds none.
    """
    key = dataset.table("quarantine")
    table = open_table(lake, key)
    reasons = refused.select(ROW, pl.col(REASONS).list.join("; ").alias(REASON))
    if dataset.keep_duplicates:
        reasons = pl.concat([reasons, extra.select(ROW, pl.lit(DUPLICATE).alias(REASON))])
    rows = raw.join(reasons, on=ROW, how="inner").drop(ROW)
    if table is not None and len(rows):
        same = [name for name in rows.columns if name != REASON and name in table.schema.names]
        rows = rows.join(table.scan().select(same).collect(), on=same, how="anti", nulls_equal=True)
    if table is not None and not len(rows):
        return
    marked = rows.with_columns(
        pl.lit(rules_version(dataset)).alias(RULES_VERSION), pl.lit(bronze.version, pl.Int64).alias(BRONZE_VERSION)
    )
    commit(
        lake,
        key,
        schema=arrow_schema(marked),
        add=staged(lake, key, [marked], scratch),
        metadata={"rows": len(marked)},
        base=table.version if table else -1,
    )


@cache
def rules_version(dataset: Dataset) -> str:
    """Changes with any rule of the dataset; twelve hexadecimal digits."""
    text = "\n".join(f"{rule.name} {rule.text}" for rule in rules_of(dataset))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
