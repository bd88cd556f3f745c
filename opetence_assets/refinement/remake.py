"""Silver and quarantine made again from all of bronze, as declared now: after a rule, a tidy, a key or a type changed.

Two tables cannot share a commit. Quarantine is written first, with the rows it has marked as leaving and those it will
have as arriving; silver's commit carries the mark; then one side of quarantine goes. Killed anywhere, whoever comes
next sees by silver's transaction which. Releases stay on the versions they name, so that people read the last one until
gold was built of this.

What people decided holds: a row that was given up stays so, one that was mended is judged as mended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.lake.commits import commit
from opetence_assets.lake.places import Lake
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.space import room_for
from opetence_assets.lake.tables import Table, open_table
from opetence_assets.refinement.decisions import Decided, decided
from opetence_assets.refinement.files import arrow_schema, staged
from opetence_assets.refinement.judgement import ROW
from opetence_assets.refinement.quarantine import (
    DISCARDED,
    MENDED,
    MOVING,
    REASON,
    REFUSAL,
    held,
    refused_rows,
    rewritten,
)
from opetence_assets.refinement.replay import ARRIVING, QUARANTINED, REPLAYED, settle
from opetence_assets.refinement.shape import with_new_columns
from opetence_assets.refinement.silver import BROKEN, CONSUMED, Refined, SortedOut, landed, refine, sorted_out
from opetence_assets.refinement.upsert import Change, made_anew, replaced


def remake(dataset: Dataset, lake: Lake, scratch: Path) -> Refined:
    """Makes silver and quarantine again, each in one commit; nothing is committed where they would be as they are.

    Takes the memory of a first refinement: all of bronze at once. Safe to kill at any instruction and to run again.

    Raises:
        DataError: nothing was loaded yet, tidy's types are wrong, or rows were not conserved.
        PassRefused: more rows break a rule than its grade allows; all is as it was.
    """
    bronze, silver = landed(dataset, lake), open_table(lake, dataset.table("silver"))
    if silver is None:
        return refine(dataset, lake, scratch)
    with room_for(dataset.name, scratch):
        table = settle(dataset, lake, scratch)
        rows = with_new_columns(dataset, bronze.scan().collect()).with_row_index(ROW)
        known = decided(lake, table, rows)
        out = sorted_out(dataset, known.raw.join(known.given_up, on=ROW, how="anti"), None)
        waiting = _waiting(dataset, bronze, out, known)
        made, days, is_other = made_anew(dataset, silver, Change(out.unique.kept, out.settled.gone, out.settled.reborn))
        counts = out.counts + Refined(-1, rows_in=len(known.given_up), quarantined=len(known.given_up))
        progress = {
            CONSUMED: {bronze.key: bronze.version},
            "rows_in_total": len(rows),
            REPLAYED: 0,
            QUARANTINED: len(waiting),
            **counts.counts(),
            BROKEN: dict(out.judged.broken),
            "days": days,
        }
        if not is_other and _is_same(table, waiting) and _is_accounted(silver, progress):
            return replace(counts, version=silver.version)
        mark = uuid4().hex
        _announced(dataset, lake, scratch, table, waiting, mark)
        version = replaced(dataset, lake, scratch, silver, made, progress, {f"replay:{mark}": 1})
        settle(dataset, lake, scratch)
    return replace(counts, version=version)


def _waiting(dataset: Dataset, bronze: Table, out: SortedOut, known: Decided) -> pl.DataFrame:
    """Quarantine as it will be: what is refused now, and what was given up for good."""
    refused = refused_rows(dataset, bronze, out.raw, out.judged.refused, out.unique.extra)
    told = refused.drop(MENDED).join(known.mended, on=ROW, how="left", suffix="\tnoted", maintain_order="left")
    numbered = told.with_columns(pl.coalesce(f"{REFUSAL}\tnoted", REFUSAL).alias(REFUSAL)).drop(f"{REFUSAL}\tnoted")
    given_up = known.raw.join(known.given_up, on=ROW, how="inner")
    return pl.concat([numbered, given_up], how="diagonal_relaxed").drop(ROW)


def _is_same(table: Table | None, waiting: pl.DataFrame) -> bool:
    """Whether quarantine has these rows already, for the same reasons."""
    names = (REFUSAL, REASON, DISCARDED, MENDED)
    there = held(table).select(names) if table is not None and table.rows else waiting.select(names).clear()
    return there.sort(names).equals(waiting.select(names).sort(names))


def _is_accounted(silver: Table, progress: Mapping[str, Any]) -> bool:
    before = last_progress(silver.lake, silver.key, silver.version)
    held_then = before.get(QUARANTINED, 0) - before.get(REPLAYED, 0)
    same = all(before.get(name) == progress[name] for name in (CONSUMED, "rows_in_total"))
    return same and held_then == progress[QUARANTINED]


def _announced(
    dataset: Dataset, lake: Lake, scratch: Path, table: Table | None, waiting: pl.DataFrame, mark: str
) -> None:
    """Quarantine with both: the rows it has, to leave, and those it will have, to arrive."""
    arriving = waiting.with_columns(pl.lit(f"{ARRIVING}{mark}").alias(MOVING))
    if table is not None and (table.rows or len(waiting)):
        leaving = held(table).with_columns(pl.lit(mark).alias(MOVING))
        both = pl.concat([leaving, arriving], how="diagonal_relaxed")
        rewritten(lake, scratch, table, both, {"remade": mark})
    elif len(waiting):
        key = dataset.table("quarantine")
        files = staged(lake, key, [arriving], scratch)
        commit(lake, key, schema=arrow_schema(arriving), add=files, metadata={"remade": mark}, base=-1)
