"""Whether columns stand twice with the same values, exactly, by the cheapest proof that holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise
from typing import Any

import polars as pl


@dataclass
class Seen:
    """What was seen of some columns over the batches of a scan.

    Batches that ascend strictly and do not overlap prove that no value stands twice, in whatever order the files come:
    0.03 CPU-s for 10 M texts. Different digests prove it without an order, at 0.3; only where two digests agree (by
    chance or not) are the values themselves compared, at six times that.
    """

    columns: tuple[str, ...]
    ascending: bool = True
    runs: list[tuple[tuple[Any, ...], tuple[Any, ...]]] = field(
        default_factory=list[tuple[tuple[Any, ...], tuple[Any, ...]]]
    )
    digests: list[pl.Series] = field(default_factory=list[pl.Series])

    def see(self, batch: pl.DataFrame) -> None:
        if not len(batch):
            return
        key = batch.select(self.columns)
        self.digests.append(_digest(key))  # 8 bytes a row, kept in case a later batch is out of order
        if self.ascending:
            whole = not any(column.null_count() or column.dtype.is_nested() for column in key)
            self.ascending = whole and bool(key.select(_ascending(self.columns)).item())
            self.runs.append((key.row(0), key.row(-1)))

    def repeated(self, rows: pl.LazyFrame) -> int:
        """Rows beyond the first of their values; ``rows`` are read again only where two digests agree."""
        if not self.digests or (self.ascending and _apart(self.runs)):
            return 0
        digests = pl.concat(self.digests)
        if digests.n_unique() == len(digests):
            return 0
        return rows.select(pl.len() - pl.struct(self.columns).n_unique()).collect(engine="streaming").item()


def _apart(runs: list[tuple[tuple[Any, ...], tuple[Any, ...]]]) -> bool:
    ordered = sorted(runs)
    return all(before[1] < after[0] for before, after in pairwise(ordered))


def _digest(key: pl.DataFrame) -> pl.Series:
    return key.to_series().hash() if key.width == 1 else key.select(pl.struct(pl.all()).hash()).to_series()


def _ascending(names: Sequence[str]) -> pl.Expr:
    """Whether each row is greater than the one before it: by the first column, among its equals by the next."""

    def after(rest: pl.Expr, name: str) -> pl.Expr:
        now, before = pl.col(name).slice(1), pl.col(name).slice(0, pl.len() - 1)
        return (now > before) | ((now == before) & rest)

    *outer, inner = names
    least = pl.col(inner).slice(1) > pl.col(inner).slice(0, pl.len() - 1)
    return reduce(after, reversed(outer), least).all()
