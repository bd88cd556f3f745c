"""Refused rows once more: those that today's rules accept move from quarantine to silver."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.lake.commits import commit
from opetence_assets.lake.places import Lake
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.tables import open_table
from opetence_assets.refinement.duplicates import deduplicated
from opetence_assets.refinement.files import staged
from opetence_assets.refinement.judgement import ROW, judge
from opetence_assets.refinement.quarantine import BRONZE_VERSION, DUPLICATE, REASON, RULES_VERSION
from opetence_assets.refinement.upsert import Change, upsert


@dataclass(frozen=True)
class Replayed:
    accepted: int
    still_refused: int


def replay(dataset: Dataset, lake: Lake, scratch: Path) -> Replayed:
    """Judges again. Silver is committed first: killed in between, the next replay finds the rows there already."""
    table = open_table(lake, dataset.table("quarantine"))
    if table is None or not table.rows:
        return Replayed(0, 0)
    everything = table.scan().collect()
    waiting = everything.filter(pl.col(REASON) != DUPLICATE).with_row_index(ROW)
    raw = waiting.drop(REASON, RULES_VERSION, BRONZE_VERSION)
    judged = judge(dataset, dataset.tidy(raw.lazy()).collect())
    if not len(judged.valid):
        return Replayed(0, len(judged.refused))
    silver = open_table(lake, dataset.table("silver"))
    before = last_progress(lake, silver.key, silver.version) if silver else {}
    unique = deduplicated(dataset, judged.valid, silver)
    nothing_gone = unique.kept.select(*dataset.key, pl.col("_loaded_at").alias("_gone_at")).clear()
    upsert(dataset, lake, scratch, silver, Change(unique.kept, nothing_gone), {**before, "replayed": len(unique.kept)})
    duplicates = everything.filter(pl.col(REASON) == DUPLICATE)
    kept = pl.concat([waiting.filter(pl.col(ROW).is_in(judged.refused[ROW].implode())).drop(ROW), duplicates])
    commit(
        lake,
        table.key,
        schema=table.schema,
        add=staged(lake, table.key, [kept], scratch),
        remove=table.files,
        metadata={"rows": -len(judged.valid)},
        base=table.version,
    )
    return Replayed(len(judged.valid), len(judged.refused))


def refusals(dataset: Dataset, lake: Lake) -> list[dict[str, Any]]:
    """How many rows were refused for which reason, under which version of the rules, since when."""
    table = open_table(lake, dataset.table("quarantine"))
    if table is None or not table.rows:
        return []
    grouped = table.scan().group_by(REASON, RULES_VERSION).agg(pl.len(), pl.col("_loaded_at").min()).collect()
    return [
        {"dataset": dataset.name, "reason": reason, "rows": rows, "rules": rules, "since": since}
        for reason, rules, rows, since in grouped.sort("len", descending=True).iter_rows()
    ]
