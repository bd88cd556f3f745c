"""Refused rows once more: those that today's rules accept move from quarantine to silver, each exactly once.

Two tables cannot share a commit. The rows that are to move are marked first; silver's commit carries the mark as its
transaction; then the marked rows leave. Killed anywhere, whoever comes next sees by silver's transaction whether the
marked rows are there, and finishes or takes the mark back. The rules of a later moment change nothing of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl

from opetence_assets.dataset import DataError, Dataset
from opetence_assets.lake.places import Lake
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.tables import Table, applied, open_table
from opetence_assets.refinement.duplicates import LOADED_AT, deduplicated, settled
from opetence_assets.refinement.judgement import ROW, judge
from opetence_assets.refinement.quarantine import (
    BOOKKEEPING,
    DISCARDED,
    DUPLICATE,
    MOVING,
    REASON,
    REFUSAL,
    RULES_VERSION,
    held,
    rewritten,
    unknown,
    waits,
)
from opetence_assets.refinement.shape import tidied, with_new_columns
from opetence_assets.refinement.upsert import Change, upsert

DELETED, PLACE = "_deleted", "_place"
ARRIVING = "+"  # before a mark: the row is quarantine's once silver has the mark's transaction
REPLAYED, QUARANTINED = "replayed_total", "quarantined_total"  # in silver's progress


@dataclass(frozen=True)
class Choice:
    """Which waiting rows: by their numbers, by a word of their reason, or all."""

    ids: Sequence[str] = ()
    reason: str = ""

    def rows(self) -> pl.Expr:
        chosen = waits()
        if self.ids:
            chosen &= pl.col(REFUSAL).is_in(list(self.ids))
        return chosen & pl.col(REASON).str.contains(self.reason, literal=True) if self.reason else chosen


ALL = Choice()


@dataclass(frozen=True)
class Replayed:
    """``accepted`` rows left quarantine; of them ``overtaken`` by a newer row of their key, or its deletion."""

    accepted: int
    still_refused: int
    overtaken: int = 0


def replay(dataset: Dataset, lake: Lake, scratch: Path, choice: Choice = ALL) -> Replayed:
    """Judges waiting rows again and moves those that pass. Safe to kill at any instruction and to run again.

    Raises:
        DataError: a chosen number is not that of a waiting row.
    """
    table = settle(dataset, lake, scratch)
    if table is None or not table.rows:
        return Replayed(0, 0)
    everything = held(table)
    waiting = everything.with_row_index(PLACE).filter(choice.rows())
    refuse_unknown(dataset, choice.ids, waiting)
    raw = waiting.drop(PLACE, *BOOKKEEPING).with_row_index(ROW)
    judged = judge(dataset, tidied(dataset, with_new_columns(dataset, raw)))
    if not len(judged.valid):
        return Replayed(0, len(waiting))
    valid, again = _first_of_each(dataset, lake, judged.valid)
    mark = uuid4().hex
    moving = pl.when(_among(waiting, valid)).then(pl.lit(mark)).alias(MOVING)
    reason = pl.when(_among(waiting, again)).then(pl.lit(DUPLICATE)).otherwise(REASON).alias(REASON)
    table = rewritten(lake, scratch, table, everything.with_columns(moving, reason), {"moving": mark})
    current = _into_silver(dataset, lake, scratch, raw.drop(ROW), valid, mark)
    settle(dataset, lake, scratch)
    return Replayed(len(valid), len(waiting) - len(valid), len(valid) - current)


def _first_of_each(dataset: Dataset, lake: Lake, valid: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Accepted rows that are to move, and those that stay as the duplicates they are, where duplicates are kept."""
    if not dataset.keep_duplicates:
        return valid, valid.clear()
    unique = deduplicated(dataset, valid, open_table(lake, dataset.table("silver")))
    return unique.kept, unique.extra


def _among(waiting: pl.DataFrame, rows: pl.DataFrame) -> pl.Expr:
    """Which rows of quarantine are these of the waiting ones; by place, for rows that are the same share a number."""
    return pl.int_range(pl.len(), dtype=pl.UInt32).is_in(waiting[PLACE].gather(rows[ROW]).implode())


def settle(dataset: Dataset, lake: Lake, scratch: Path) -> Table | None:
    """Finishes what died between its commits: if silver has it, marked rows leave and ``ARRIVING`` ones are here, else
    it is the other way round. Gives the quarantine."""
    table = open_table(lake, dataset.table("quarantine"))
    if table is None or not table.rows or not _may_be_marked(table):
        return table
    marked = table.scan().select(pl.col(MOVING).drop_nulls().unique()).collect()[MOVING].to_list()
    for mark in {each.removeprefix(ARRIVING) for each in marked}:
        is_there = applied(lake, dataset.table("silver"), f"replay:{mark}")
        goes, stays = (mark, f"{ARRIVING}{mark}") if is_there else (f"{ARRIVING}{mark}", mark)
        unmarked = pl.when(pl.col(MOVING) != stays).then(MOVING).alias(MOVING)
        rest = held(table).filter(pl.col(MOVING).ne_missing(goes)).with_columns(unmarked)
        table = rewritten(lake, scratch, table, rest, {"replayed" if is_there else "taken_back": mark})
    return table


def _may_be_marked(table: Table) -> bool:
    """Whether a file's statistics leave room for a row on its way: nearly always they do not."""
    return any(file.stats.get("nullCount", {}).get(MOVING, file.rows) != file.rows for file in table.files)


def refuse_unknown(dataset: Dataset, ids: Sequence[str], waiting: pl.DataFrame) -> None:
    """Raises DataError for a number that no waiting row has."""
    if missing := sorted(set(ids) - set(waiting[REFUSAL].to_list())):
        raise DataError(
            dataset.name,
            found=f"no waiting row {', '.join(missing)}",
            allowed="the numbers of rows that wait",
            next_command=f"opetence quarantine show {dataset.name}",
        )


def _into_silver(
    dataset: Dataset, lake: Lake, scratch: Path, raw: pl.DataFrame, accepted: pl.DataFrame, mark: str
) -> int:
    """Commits accepted rows as if they had come through when they came, and how many of them are now in silver.

    What arrived since may be newer, or a deletion: the keys are settled over everything from their load on, in bronze's
    order, for silver alone does not tell in which order a source told its rows.
    """
    silver = open_table(lake, dataset.table("silver"))
    since, gone = _arrived_since(dataset, lake, raw, accepted)
    rows = pl.concat(
        [accepted.with_columns(pl.lit(True).alias(MOVING)), since.with_columns(pl.lit(False).alias(MOVING))]
    )
    there = settled(dataset, rows.with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias(ROW)), gone)
    unique = deduplicated(dataset, there.rows, silver)
    before = last_progress(lake, silver.key, silver.version) if silver else {}
    progress = {**before, REPLAYED: before.get(REPLAYED, 0) + len(accepted)}
    change = Change(unique.kept.drop(MOVING), there.gone, there.reborn)
    upsert(dataset, lake, scratch, silver, change, progress, transactions={f"replay:{mark}": 1})
    return int(unique.kept[MOVING].sum())


def _arrived_since(
    dataset: Dataset, lake: Lake, raw: pl.DataFrame, accepted: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Valid rows and deletions of the accepted keys that bronze has from the oldest accepted row's load on."""
    bronze = open_table(lake, dataset.table("bronze"))
    assert bronze is not None
    later = bronze.scan().filter(pl.col(LOADED_AT) >= accepted[LOADED_AT].min()).collect()
    later = with_new_columns(dataset, unknown(later, raw)).with_row_index(ROW)
    deleted = pl.col(DELETED) if DELETED in later.columns else pl.lit(False)
    keys = accepted.select(dataset.key)
    live, gone = (
        tidied(dataset, part).join(keys, on=list(dataset.key), how="semi", nulls_equal=True)
        for part in (later.filter(~deleted), later.filter(deleted))
    )
    return judge(dataset, live).valid.select(accepted.columns), gone


def refusals(dataset: Dataset, lake: Lake) -> list[dict[str, Any]]:
    """How many rows are held for which reason, under which version of the rules, since when; how many were given up."""
    table = open_table(lake, dataset.table("quarantine"))
    if table is None or not table.rows:
        return []
    grouped = (
        held(table)
        .group_by(REASON, RULES_VERSION)
        .agg(pl.len(), pl.col(LOADED_AT).min(), pl.col(DISCARDED).is_not_null().sum())
    )
    return [
        {"dataset": dataset.name, "reason": reason, "rows": rows, "discarded": given_up, "rules": rules, "since": since}
        for reason, rules, rows, since, given_up in grouped.sort("len", descending=True).iter_rows()
    ]
