"""Whether columns stand twice with the same values, exactly, by the cheapest proof that holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise
from typing import Any

import polars as pl

from opetence_assets.contract.codes import Look, look

RUNS = 64  # of a batch, at most: a source that was read from its middle on has two


@dataclass
class Seen:
    """What was seen of some columns over the batches of a scan, in whatever order and by whatever thread they came.

    Runs of rows that ascend strictly and do not overlap prove that no value stands twice, in whatever order the files
    and their parts come: 0.02 CPU-s for 10 M codes. Different digests prove it without an order, at 0.3; they are taken
    from the first batch on that has no order, and if there were batches before it, of all rows once more in the end.
    Only where two digests agree (by chance or not) are the values themselves compared, at six times that.
    """

    columns: tuple[str, ...]
    ascending: bool = True
    runs: list[tuple[tuple[Any, ...], tuple[Any, ...]]] = field(
        default_factory=list[tuple[tuple[Any, ...], tuple[Any, ...]]]
    )
    digests: list[pl.Series] = field(default_factory=list[pl.Series])

    def see(self, batch: pl.DataFrame, looked: Look | None = None) -> None:
        """Takes a batch; ``looked`` is of the first of the columns, if it was looked at anyway."""
        if not len(batch):
            return
        key = pl.DataFrame([batch[name] for name in self.columns])
        starts = _starts(key, looked) if self.ascending else None
        if starts is None:
            self.ascending = False
            self.digests.append(key.select_seq(_digest(self.columns)).to_series())
        else:
            ends = [*(start - 1 for start in starts[1:]), len(key) - 1]
            self.runs += [(key.row(start), key.row(end)) for start, end in zip(starts, ends, strict=True)]

    def repeated(self, rows: pl.LazyFrame) -> int:
        """Rows beyond the first of their values; ``rows`` are read again only where what was seen of them proves
        nothing, and then no column but these."""
        if self.ascending and _apart(self.runs):
            return 0
        key = rows.select(self.columns)
        if self.runs:
            digests = key.select(_digest(self.columns)).collect(engine="streaming").to_series()
        else:
            digests = pl.concat(self.digests)
        if digests.n_unique() == len(digests):
            return 0
        return key.select(pl.len() - pl.struct(self.columns).n_unique()).collect(engine="streaming").item()


def _starts(key: pl.DataFrame, looked: Look | None) -> list[int] | None:
    """Where its ascending runs begin; None where they are many, or it has no order."""
    if any(column.null_count() or column.dtype.is_nested() for column in key):
        return None
    if key.width == 1 and (looked or look(key.to_series())).ascend:
        return [0]
    after = _ascending(key.get_columns())
    if len(after) - after.sum() > RUNS:
        return None
    return [0, *(int(place) + 1 for place in (~after).arg_true())]


def _apart(runs: list[tuple[tuple[Any, ...], tuple[Any, ...]]]) -> bool:
    ordered = sorted(runs)
    return all(before[1] < after[0] for before, after in pairwise(ordered))


def _digest(columns: tuple[str, ...]) -> pl.Expr:
    return pl.col(columns[0]).hash() if len(columns) == 1 else pl.struct(columns).hash()


def _ascending(columns: Sequence[pl.Series]) -> pl.Series:
    """Of each row but the first, whether it is greater than the one before it: by the first column, among its equals
    by the next."""

    def after(rest: pl.Series, column: pl.Series) -> pl.Series:
        now, before = column.slice(1), column.slice(0, len(column) - 1)
        return (now > before) | ((now == before) & rest)

    *outer, inner = columns
    least = inner.slice(1) > inner.slice(0, len(inner) - 1)
    return reduce(after, reversed(outer), least)
