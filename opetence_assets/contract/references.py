"""Foreign keys: which rows name something that the other dataset does not hold."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from opetence_assets.dataset import Reference


@dataclass(frozen=True)
class Resolved:
    """Rows that were asked for their counterpart, and those that have none."""

    asked: int
    missing: int

    def within(self, reference: Reference) -> bool:
        return self.missing <= reference.missing_at_most * self.asked


def resolved(rows: pl.LazyFrame, reference: Reference, there: pl.LazyFrame) -> Resolved:
    """Asks every row that has no null among the reference's columns, exactly, reading those columns alone.

    Args:
        rows, there: both silver tables; of a table with history, its current rows.
    """
    columns, of = list(reference.columns), list(reference.of or reference.columns)
    asked = rows.filter(reference.where) if reference.where is not None else rows
    asked = asked.select(columns).drop_nulls()
    missing = asked.join(there.select(of), left_on=columns, right_on=of, how="anti")
    counts = pl.collect_all([asked.select(pl.len()), missing.select(pl.len())], engine="streaming")
    return Resolved(counts[0].item(), counts[1].item())
