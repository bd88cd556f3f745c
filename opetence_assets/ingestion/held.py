"""What bronze already holds of what is being read again, so that a re-read adds nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from opetence_assets.dataset import DataError, Dataset, Deletes, DriftError, Extraction, Facts
from opetence_assets.privacy.treatment import SEALED

if TYPE_CHECKING:
    import pyarrow

    from opetence_assets.lake.tables import Table

LARGEST_VANISHING = 0.2  # a fifth of a table does not disappear between two loads; a truncated source does
SMALL = 100  # rows below which a share says nothing
_OF_THE_SOURCE = ("_broken", "_position")  # of the columns that start with a line, what the source itself said


@dataclass(frozen=True)
class Held:
    """Rows that bronze holds of the span being read; compared on every column but the sealed one (random nonces)."""

    rows: pl.DataFrame | None

    def __len__(self) -> int:
        return 0 if self.rows is None else len(self.rows)

    def without(self, batch: pl.DataFrame) -> pl.DataFrame:
        """The rows of a batch that bronze does not hold."""
        if self.rows is None or not len(self) or not len(batch):
            return batch
        # The seal is new each time. A column that bronze does not have yet is null in what it holds.
        own = [c for c in batch.columns if c in self.rows.columns or not c.startswith("_")]
        added = {c: pl.lit(None, batch.schema[c]) for c in own if c not in self.rows.columns}
        shared = [c for c in own if c != SEALED]
        return batch.join(self.rows.with_columns(**added).select(shared), on=shared, how="anti", nulls_equal=True)


def held_rows(dataset: Dataset, table: Table | None, extraction: Extraction) -> Held:
    """The rows that the extraction may bring again. Of states only the newest of each key counts: a value that went
    from 10 to 12 and back is news.
    """
    if table is None or not table.rows:
        return Held(None)
    rows = table.scan() if extraction.rereads is None else table.scan().filter(extraction.rereads)
    names = [c for c in table.schema.names if not c.startswith("_") or c in _OF_THE_SOURCE]
    states = extraction.states or dataset.deletes is Deletes.RESTATED
    if dataset.deletes is Deletes.NEVER and not states:
        return Held(rows.select(names).collect())
    live = rows.collect() if dataset.deletes is Deletes.NEVER else _since_deletion(dataset, table, rows.collect())
    if states:
        order = [c for c in ("_cursor", "_loaded_at") if c in live.columns]
        live = live.sort(order, maintain_order=True).unique(dataset.key, keep="last")
    return Held(live.select(names))


def _since_deletion(dataset: Dataset, table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that no later deletion covers: what comes back after it was deleted is news, however old it looks."""
    key = list(dataset.key)
    gone = table.scan().filter("_deleted").group_by(key).agg(pl.max("_loaded_at").alias("_gone_at")).collect()
    if not len(gone):
        return rows.filter(~pl.col("_deleted"))
    compared = rows.filter(~pl.col("_deleted")).join(gone, on=key, how="left", nulls_equal=True)
    return compared.filter(pl.col("_gone_at").is_null() | (pl.col("_loaded_at") > pl.col("_gone_at"))).drop("_gone_at")


def unrepeated(dataset: Dataset, held: Held, arrived: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The keys held of a restated span that were not delivered again.

    Raises:
        DataError: so many are gone that the source is more likely broken than right.
    """
    key = list(dataset.key)
    if held.rows is None or not len(held):
        return pl.DataFrame()
    gone = held.rows.select(key).join(pl.concat(arrived), on=key, how="anti", nulls_equal=True)
    if not dataset.feed.since:  # a file that replaces a day was sent on purpose
        _refuse_vanishing(dataset, len(gone), len(held), limit=max(SMALL, LARGEST_VANISHING * len(held)))
    return gone


def live_keys(dataset: Dataset, table: Table) -> pl.DataFrame:
    """The keys that bronze holds as not deleted: for each key, its newest row decides."""
    key = list(dataset.key)
    told = dataset.deletes is Deletes.TOLD and "_position" in table.schema.names
    order = ["_position", "_loaded_at"] if told else ["_loaded_at", "_deleted"]
    newest = table.scan().select({*key, *order, "_deleted"}).collect().sort(order, maintain_order=True)
    return newest.unique(key, keep="last").filter(~pl.col("_deleted")).select(key)


def vanished(
    dataset: Dataset,
    table: Table | None,
    arrived: pl.DataFrame,
    keys: Callable[[], pyarrow.Table],
    facts: Facts,
    *,
    compare: bool = False,
) -> pl.DataFrame:
    """The keys that bronze holds and the source no longer has; asked for only where the counts disagree, or to
    ``compare`` what equal counts may hide.

    Raises:
        DataError: so many are gone that the source is more likely broken than right.
    """
    key = list(dataset.key)
    if table is None or not table.rows:
        return pl.DataFrame(schema=arrived.select(key).schema)
    live = pl.concat([live_keys(dataset, table), arrived.select(key)]).unique()
    if len(live) == facts.total_keys and not compare:
        return live.clear()
    gone = live.join(pl.DataFrame(keys()), on=key, how="anti")
    _refuse_vanishing(dataset, len(gone), len(live), limit=max(SMALL, LARGEST_VANISHING * len(live)))
    return gone


def forgotten(dataset: Dataset, table: Table | None, keys: Callable[[], pyarrow.Table]) -> pl.DataFrame:
    """The same for a source that tells its deletions, after a read of everything: those that nobody was told of,
    with their ``_position``. Any share may be gone, as somebody asked for this, but not all.

    Raises:
        DataError: the source is empty.
    """
    live = live_keys(dataset, table) if table is not None and table.rows else pl.DataFrame()
    if not len(live):
        return pl.DataFrame()
    left = pl.DataFrame(keys())
    gone = live.join(left, on=list(dataset.key), how="anti", nulls_equal=True)
    _refuse_vanishing(dataset, len(gone), len(live), limit=len(live))
    return gone.with_columns(pl.lit(left["_position"].max(), pl.String).alias("_position"))


def _refuse_vanishing(dataset: Dataset, gone: int, of: int, *, limit: float) -> None:
    if gone == of or gone > limit:
        raise DataError(
            dataset.name,
            found=f"{gone:,} of {of:,} rows gone from the source since the last load",
            allowed=f"at most {LARGEST_VANISHING:.0%} in one load, and never all",
            next_command="check the source; if it is right, load in steps while the rows leave",
        )


def refuse_retyped(dataset: Dataset, table: Table | None, batch: pl.DataFrame) -> None:
    """Raises DataError if a column arrives with another type than bronze holds: no variant column, no silent cast."""
    if table is None:
        return
    held = pl.DataFrame(table.schema.empty_table()).schema
    retyped = [
        f"{name} {batch.schema[name]} (bronze has {dtype})"
        for name, dtype in held.items()
        if name in batch.schema and batch.schema[name] != dtype
    ]
    if retyped:
        raise DriftError(
            dataset.name,
            tuple(f"retyped: {change}" for change in retyped),
            found=f"columns of another type than before: {', '.join(retyped)}",
            allowed="the types bronze has",
            next_command="restore the source's type, or declare the changed table as a new dataset",
        )
