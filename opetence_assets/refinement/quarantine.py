"""Refused rows, as bronze has them (still sealed), with reasons and origin: nothing vanishes, all can be replayed.

A row waits until today's rules accept it (`replay`), or until somebody decides that it will not come (`discard`): then
it stays here, with the reason given, and waits no longer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
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
REFUSAL = "_refusal"  # sixteen digits that name a row to people
DISCARDED = "_discarded"  # when and why somebody gave a row up; null while it waits
MENDED = "_mended"  # what of a row was set by hand, when and why
MOVING = "_moving"  # the replay or remake that a row leaves or comes by; null but for the moment between its commits
BOOKKEEPING = (REASON, RULES_VERSION, BRONZE_VERSION, REFUSAL, DISCARDED, MENDED, MOVING)


def refused_rows(
    dataset: Dataset, bronze: Table, raw: pl.DataFrame, refused: pl.DataFrame, extra: pl.DataFrame
) -> pl.DataFrame:
    """The rows that are refused (and exact duplicates, where declared), as they landed, with what is noted of them.

    With ``ROW``, of which quarantine keeps nothing.
    """
    reasons = refused.select(ROW, pl.col(REASONS).list.join("; ").alias(REASON))
    if dataset.keep_duplicates:
        reasons = pl.concat([reasons, extra.select(ROW, pl.lit(DUPLICATE).alias(REASON))])
    return (
        raw.join(reasons, on=ROW, how="inner")
        .with_columns(
            pl.lit(rules_version(dataset)).alias(RULES_VERSION),
            pl.lit(bronze.version, pl.Int64).alias(BRONZE_VERSION),
            *(pl.lit(None, pl.String).alias(name) for name in (DISCARDED, MENDED, MOVING)),
        )
        .with_columns(number().alias(REFUSAL))
    )


def quarantine(dataset: Dataset, lake: Lake, scratch: Path, rows: pl.DataFrame) -> int:
    """Commits refused rows before silver takes the rest; how many are held then.

    A pass that is run again, after a kill or as a backfill, finds the very rows there and adds none.
    """
    key, rows = dataset.table("quarantine"), rows.drop(ROW)
    table = open_table(lake, key)
    if table is not None and len(rows):
        rows = unknown(rows, table.scan().collect())
    if table is not None and not len(rows):
        return table.rows
    commit(
        lake,
        key,
        schema=arrow_schema(rows),
        add=staged(lake, key, [rows], scratch),
        metadata={"rows": len(rows)},
        base=table.version if table else -1,
    )
    return len(rows) + (table.rows if table else 0)


def unknown(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The rows that do not stand among ``known``, byte for byte as they landed."""
    same = [name for name in rows.columns if name in known.columns and name not in BOOKKEEPING]
    return rows.join(known.select(same), on=same, how="anti", nulls_equal=True)


def held(table: Table) -> pl.DataFrame:
    """Every row of a quarantine, with what rows refused by an older platform lack."""
    rows = table.scan().collect()
    missing = (name for name in (REFUSAL, DISCARDED, MENDED, MOVING) if name not in rows.columns)
    whole = rows.with_columns(pl.lit(None, pl.String).alias(name) for name in missing)
    return whole.with_columns(pl.col(REFUSAL).fill_null(number()))


def number() -> pl.Expr:
    """A row's number, from all that landed of it; rows that are the same have the same."""
    return (pl.struct(pl.exclude(*BOOKKEEPING, ROW)).hash() % 10**16).cast(pl.String).str.zfill(16)


def waits() -> pl.Expr:
    """Which rows of quarantine today's rules are asked again; duplicates and what was given up are not."""
    return (pl.col(REASON) != DUPLICATE) & pl.col(DISCARDED).is_null()


def rewritten(lake: Lake, scratch: Path, table: Table, rows: pl.DataFrame, metadata: Mapping[str, object]) -> Table:
    """The quarantine with other rows in one commit, and what was done as its metadata."""
    commit(
        lake,
        table.key,
        schema=arrow_schema(rows),
        add=staged(lake, table.key, [rows], scratch),
        remove=table.files,
        metadata={"rows": len(rows) - table.rows, **metadata},
        base=table.version,
    )
    after = open_table(lake, table.key)
    assert after is not None
    return after


@cache
def rules_version(dataset: Dataset) -> str:
    """Changes with any rule of the dataset; twelve hexadecimal digits."""
    text = "\n".join(f"{rule.name} {rule.text}" for rule in rules_of(dataset))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
