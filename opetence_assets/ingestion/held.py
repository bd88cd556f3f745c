"""What bronze already holds of what is being read again, so that a re-read adds nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from opetence_assets.dataset import DataError, Dataset, Extract, Facts
from opetence_assets.privacy.treatment import SEALED

if TYPE_CHECKING:
    import pyarrow

    from opetence_assets.lake.tables import Table

LARGEST_VANISHING = 0.2  # a fifth of a table does not disappear between two loads; a truncated source does
SMALL = 100  # rows below which a share says nothing


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
        shared = [c for c in batch.columns if c in self.rows.columns and c != SEALED]
        return batch.join(self.rows.select(shared), on=shared, how="anti", nulls_equal=True)


def held_rows(dataset: Dataset, table: Table | None, extract: Extract) -> Held:
    """Everything for a full re-read, the lag or the window for a partial one, nothing for files (taken by content)."""
    if table is None or not table.rows or dataset.feed.since:
        return Held(None)
    rows = table.scan()
    if extract.window:
        column = pl.col(dataset.window_column)
        rows = rows.filter(column >= extract.window.start, column < extract.window.end)
    elif extract.after is not None and dataset.cursor:
        lag = getattr(dataset.feed, "lag", None)
        after = extract.after - lag if isinstance(extract.after, datetime) and lag else extract.after
        rows = rows.filter(pl.col(dataset.cursor) >= after)
    return Held(rows.select(c for c in table.schema.names if not c.startswith("_")).collect())


def live_keys(dataset: Dataset, table: Table) -> pl.DataFrame:
    """The keys that bronze holds as not deleted: for each key, its newest row decides."""
    key = list(dataset.key)
    newest = (
        table.scan()
        .select(*key, "_loaded_at", "_deleted")
        .collect()
        .sort("_loaded_at", "_deleted", maintain_order=True)
    )
    return newest.unique(key, keep="last").filter(~pl.col("_deleted")).select(key)


def vanished(
    dataset: Dataset, table: Table | None, arrived: pl.DataFrame, keys: Callable[[], pyarrow.Table], facts: Facts
) -> pl.DataFrame:
    """The keys that bronze holds and the source no longer has; asked for only where the counts disagree.

    Raises:
        DataError: so many are gone that the source is more likely broken than right.
    """
    key = list(dataset.key)
    if table is None or not table.rows:
        return pl.DataFrame(schema=arrived.select(key).schema)
    live = pl.concat([live_keys(dataset, table), arrived.select(key)]).unique()
    if len(live) == facts.total_keys:
        return live.clear()
    gone = live.join(pl.DataFrame(keys()), on=key, how="anti")
    if len(gone) > max(SMALL, LARGEST_VANISHING * len(live)):
        raise DataError(
            dataset.name,
            found=f"{len(gone):,} of {len(live):,} rows gone from the source since the last load",
            allowed=f"at most {LARGEST_VANISHING:.0%} in one load",
            next_command="check the source; if it is right, load in steps while the rows leave",
        )
    return gone


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
        raise DataError(
            dataset.name,
            found=f"columns of another type than before: {', '.join(retyped)}",
            allowed="the types bronze has",
            next_command="restore the source's type, or declare the changed table as a new dataset",
        )
