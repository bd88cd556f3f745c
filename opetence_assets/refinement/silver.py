"""Bronze → silver: reads only the bronze files not yet consumed, touches only the silver files that hold their keys."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from opetence_assets.dataset import DataError, Dataset, Window
from opetence_assets.lake.places import Lake
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.space import room_for
from opetence_assets.lake.tables import Table, open_table
from opetence_assets.refinement.duplicates import Settled, Unique, deduplicated, settled
from opetence_assets.refinement.judgement import ROW, Judged, judge
from opetence_assets.refinement.quarantine import quarantine, refused_rows
from opetence_assets.refinement.refusal import refuse_excess
from opetence_assets.refinement.replay import QUARANTINED, REPLAYED, settle
from opetence_assets.refinement.shape import table_types, tidied, with_new_columns
from opetence_assets.refinement.upsert import Change, upsert

CONSUMED, BROKEN, DELETED = "consumed", "broken", "_deleted"


@dataclass(frozen=True)
class Refined:
    """Where the rows of one pass went; ``rows_in`` is the sum of the rest."""

    version: int
    rows_in: int = 0
    accepted: int = 0
    quarantined: int = 0
    duplicates: int = 0
    filtered: int = 0
    deleted: int = 0

    def conserved(self) -> bool:
        return self.rows_in == self.accepted + self.quarantined + self.duplicates + self.filtered + self.deleted

    def __add__(self, later: Refined) -> Refined:
        counts = {n: getattr(self, n) + getattr(later, n) for n in self.counts()}
        return replace(later, **counts)

    def counts(self) -> dict[str, int]:
        names = ("rows_in", "accepted", "quarantined", "duplicates", "filtered", "deleted")
        return {name: getattr(self, name) for name in names}


def refine(dataset: Dataset, lake: Lake, scratch: Path, window: Window | None = None) -> Refined:
    """Brings silver up to bronze; with a window, refines that span of bronze again.

    Raises:
        DataError: bronze does not exist, silver has another shape than declared, tidy's types are wrong, or rows were
            not conserved.
        PassRefused: more rows break a rule than its grade allows; silver and bronze's mark are as they were.
    """
    bronze, done = landed(dataset, lake), consumed(lake, dataset)
    _refuse_another_shape(dataset, lake)
    refined = Refined(-1)
    with room_for(dataset.name, scratch):
        settle(dataset, lake, scratch)
        if done is None or done < bronze.version or _schema_is_behind(dataset, lake):
            refined = _pass(dataset, lake, scratch, bronze, bronze.new_since(done).scan())
        if window is not None:
            refined += _pass(dataset, lake, scratch, bronze, _of_window(dataset, bronze, window), again=True)
    if refined.version >= 0:
        return refined
    silver = open_table(lake, dataset.table("silver"))
    return replace(refined, version=silver.version if silver else -1)


def landed(dataset: Dataset, lake: Lake) -> Table:
    """The bronze table; DataError where nothing was ever loaded."""
    bronze = open_table(lake, dataset.table("bronze"))
    if bronze is None:
        raise DataError(
            dataset.name,
            found="no bronze table",
            allowed="a load first",
            next_command=f"opetence run --select {dataset.name}",
        )
    return bronze


def _refuse_another_shape(dataset: Dataset, lake: Lake) -> None:
    """Rows of one shape cannot join those of another; a column that came since is no other shape."""
    silver = open_table(lake, dataset.table("silver"))
    known = silver.scan().collect_schema() if silver is not None else {}
    declared = table_types(dataset)
    wrong = [
        f"{n} {kind} (declared {declared.get(n, 'no more')})" for n, kind in known.items() if declared.get(n) != kind
    ]
    if wrong:
        raise DataError(
            dataset.name,
            found=f"silver with {', '.join(wrong)}",
            allowed="the columns and types that are declared; what landed is in bronze",
            next_command=f"opetence rebuild {dataset.name}",
        )


def _schema_is_behind(dataset: Dataset, lake: Lake) -> bool:
    """Whether a column was declared since silver was last written."""
    silver = open_table(lake, dataset.table("silver"))
    return silver is not None and not set(table_types(dataset)) <= set(silver.schema.names)


def consumed(lake: Lake, dataset: Dataset) -> int | None:
    """The bronze version that silver has taken in."""
    silver = open_table(lake, dataset.table("silver"))
    if silver is None:
        return None
    return last_progress(lake, silver.key, silver.version).get(CONSUMED, {}).get(dataset.table("bronze"))


def _of_window(dataset: Dataset, bronze: Table, window: Window) -> pl.LazyFrame:
    column = pl.col(dataset.window_column)
    return bronze.scan().filter(column >= window.start, column < window.end)


@dataclass(frozen=True)
class SortedOut:
    """Rows as they came (``ROW``), judged, settled and without duplicates, and where each of them went."""

    raw: pl.DataFrame
    judged: Judged
    settled: Settled
    unique: Unique
    counts: Refined


def sorted_out(dataset: Dataset, rows: pl.DataFrame, silver: Table | None) -> SortedOut:
    """What becomes of bronze rows (``ROW`` in them) that meet a silver table; nothing is committed.

    Raises:
        DataError: tidy lost rows or gave other types, or not every row is accounted for.
        PassRefused: more rows break a rule than its grade allows.
    """
    raw = with_new_columns(dataset, rows)
    live, gone = (raw.filter(~pl.col(DELETED)), raw.filter(DELETED)) if DELETED in raw.columns else (raw, raw.clear())
    rows_read, gone = tidied(dataset, live), dataset.tidy(gone.lazy()).collect()  # keys as silver has them
    _refuse_lost_rows(dataset, live, rows_read)
    judged = judge(dataset, rows_read)
    refuse_excess(dataset, judged, gone)
    there = settled(dataset, judged.valid, gone)
    unique = deduplicated(dataset, there.rows, silver)
    counts = Refined(
        version=-1,
        rows_in=len(raw),
        accepted=len(unique.kept),
        quarantined=len(judged.refused),
        duplicates=len(unique.extra) + len(judged.valid) - len(there.rows),
        filtered=judged.filtered,
        deleted=len(gone),
    )
    if not counts.conserved():
        raise DataError(
            dataset.name,
            found=f"rows not conserved: {counts.counts()}",
            allowed="rows in = accepted + quarantined + duplicates + filtered + deleted",
            next_command="nothing was committed; report this with the counts above",
        )
    return SortedOut(raw, judged, there, unique, counts)


def _pass(
    dataset: Dataset, lake: Lake, scratch: Path, bronze: Table, rows: pl.LazyFrame, *, again: bool = False
) -> Refined:
    silver = open_table(lake, dataset.table("silver"))
    out = sorted_out(dataset, rows.collect().with_row_index(ROW), silver)
    before = last_progress(lake, silver.key, silver.version) if silver else {}
    refused = refused_rows(dataset, bronze, out.raw, out.judged.refused, out.unique.extra)
    held = quarantine(dataset, lake, scratch, refused)
    progress = {
        CONSUMED: {dataset.table("bronze"): bronze.version},
        "rows_in_total": before.get("rows_in_total", 0) + (0 if again else len(out.raw)),
        REPLAYED: before.get(REPLAYED, 0),
        QUARANTINED: held + before.get(REPLAYED, 0),  # whoever takes a row out of quarantine has to account for it
        **out.counts.counts(),
        BROKEN: dict(out.judged.broken),
    }
    change = Change(out.unique.kept, out.settled.gone, out.settled.reborn)
    return replace(out.counts, version=upsert(dataset, lake, scratch, silver, change, progress))


def _refuse_lost_rows(dataset: Dataset, live: pl.DataFrame, tidied: pl.DataFrame) -> None:
    if len(tidied) != len(live):
        raise DataError(
            dataset.name,
            found=f"tidy turned {len(live):,} rows into {len(tidied):,}",
            allowed="one row for each row; leave rows out by a declared filter",
            next_command=f"edit tidy in opetence_assets/datasets/{dataset.name}.py",
        )
