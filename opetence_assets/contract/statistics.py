"""What a scan learns of each column, and how what it does not count is estimated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from typing import Any

import numpy as np
import polars as pl

SAMPLE = 50_000  # rows; a quantile is off by 0.2 % of the rows (one standard deviation)
WIDE = Context(prec=60)  # more digits than the sum of any decimals has
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


@dataclass(frozen=True)
class ColumnStatistics:
    """One column of a table version.

    Attributes:
        rows, nulls: exact.
        distinct: values beside null; None of nested columns. Exact if ``distinct_is_exact`` (a key, or a table of up to
            SAMPLE rows), else estimated from a random sample of SAMPLE rows as PostgreSQL's ANALYZE does.
        least, greatest, mean: exact; of numbers and times (a mean of numbers and of truth only) that are not personal.
        quantiles: of the same columns but truth, by share of the rows (0 to 1); exact up to SAMPLE rows, else of the
            sample.
    """

    column: str
    rows: int
    nulls: int
    distinct: int | None = None
    distinct_is_exact: bool = False
    least: Any = None
    greatest: Any = None
    mean: float | None = None
    quantiles: Mapping[float, Any] = field(default_factory=dict[float, Any])

    def as_metadata(self) -> dict[str, Any]:
        """As JSON: decimals as numbers, times as ISO text; what is not known is left out."""
        quantiles = {f"p{round(share * 100):02d}": _plain(value) for share, value in self.quantiles.items()}
        known = {
            "rows": self.rows,
            "nulls": self.nulls,
            "distinct": self.distinct,
            "distinct_is_exact": self.distinct_is_exact,
            "min": _plain(self.least),
            "max": _plain(self.greatest),
            "mean": self.mean,
        }
        return {**{name: value for name, value in known.items() if value is not None}, **quantiles}


@dataclass
class Learned:
    """The running figures of a scan over some columns."""

    columns: Mapping[str, pl.DataType]
    closed: frozenset[str]  # personal: nothing of their values is kept
    share: float  # of the rows, to be sampled
    rows: int = 0
    figures: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    sample: list[pl.DataFrame] = field(default_factory=list[pl.DataFrame])
    chance: np.random.Generator = field(default_factory=lambda: np.random.default_rng(20_260_301))

    def learn(self, batch: pl.DataFrame) -> dict[str, tuple[Any, Any]]:
        """Adds a batch; returns its least and greatest of every column that has them.

        Each column is asked by itself: a query of all of them wakes Polars' threads, which cost more than they share.
        """
        self.rows += len(batch)
        self._take(batch)
        return {name: self._learn(name, batch[name]) for name in self.columns}

    def _learn(self, name: str, values: pl.Series) -> tuple[Any, Any]:
        known = self.figures.setdefault(name, {"nulls": 0, "least": None, "greatest": None, "sum": None})
        nulls, dtype = values.null_count(), self.columns[name]
        known["nulls"] += nulls
        # As whole numbers: an eighth of what Polars' bounds and mean of decimals take.
        plain = values.to_physical() if dtype.is_decimal() else values
        least, greatest = (plain.min(), plain.max()) if _is_ordered(dtype) else (None, None)
        if isinstance(dtype, pl.Decimal):
            least, greatest = (_scaled(bound, dtype.scale) for bound in (least, greatest))
        known["least"] = _either(min, known["least"], least)
        known["greatest"] = _either(max, known["greatest"], greatest)
        if name not in self.closed and nulls < len(values) and (found := _sum(plain, dtype)) is not None:
            known["sum"] = (known["sum"] or 0.0) + found
        return least, greatest

    def statistics(self, key: tuple[str, ...], key_is_unique: bool) -> tuple[ColumnStatistics, ...]:
        """Every column's figures; a key of one column that was found unique has as many values as rows."""
        if not self.rows:
            return ()
        sampled = dict(zip(self.sample[0].columns, pl.concat(self.sample).get_columns(), strict=True))
        none = pl.Series(dtype=pl.Null())
        return tuple(self._of(name, sampled.get(name, none), key_is_unique and key == (name,)) for name in self.columns)

    def _of(self, name: str, sampled: pl.Series, is_unique: bool) -> ColumnStatistics:
        known, dtype = self.figures[name], self.columns[name]
        valued = self.rows - known["nulls"]
        found = ColumnStatistics(name, self.rows, known["nulls"], valued, True)
        if not is_unique:
            distinct = None if dtype.is_nested() else _distinct(sampled.drop_nulls(), valued)
            found = ColumnStatistics(
                name, self.rows, known["nulls"], distinct, distinct is not None and self.share >= 1
            )
        if name in self.closed:
            return found
        measured = sampled.drop_nulls() if _is_ordered(dtype) else sampled.clear()
        shares = QUANTILES if len(measured) else ()
        values = measured.sort()
        quantiles = {share: values[min(len(values) - 1, int(share * len(values)))] for share in shares}
        mean = known["sum"] / valued if known["sum"] is not None and valued else None
        return ColumnStatistics(
            name, self.rows, found.nulls, found.distinct, found.distinct_is_exact,
            known["least"], known["greatest"], mean, quantiles,
        )  # fmt: skip

    def _take(self, batch: pl.DataFrame) -> None:
        """Rows at random, not every hundredth: neighbours (an order's lines) must have their chance to meet."""
        taken = batch
        if self.share < 1 and len(batch):
            wanted = max(1, round(self.share * len(batch)))
            taken = batch[np.unique(self.chance.integers(0, len(batch), wanted))]
        # A text of the sample would keep the memory of its whole batch: of what has no order only digests are taken.
        self.sample.append(
            taken.select(
                pl.col(name)
                if _is_ordered(dtype)
                else pl.when(pl.col(name).is_not_null()).then(pl.col(name).hash()).alias(name)
                for name, dtype in self.columns.items()
                if not dtype.is_nested()
            )
        )


def _distinct(sampled: pl.Series, rows: int) -> int:
    """Haas and Stokes' estimator (Duj1) of a column's distinct values, as PostgreSQL's ANALYZE has it; exact where the
    sample is all there is."""
    counts = sampled.hash().unique_counts()
    size, found, once = len(sampled), len(counts), int((counts == 1).sum())
    if size == 0 or size >= rows:
        return found
    return min(rows, round(size * found / (size - once + once * size / rows)))


def _scaled(units: Any, scale: int) -> Decimal | None:
    return None if units is None else Decimal(units).scaleb(-scale, WIDE)


def _sum(values: pl.Series, dtype: pl.DataType) -> float | None:
    """The sum of numbers or of truth; by way of the mean where whole numbers could be too many for their type."""
    if isinstance(dtype, pl.Decimal):
        return float(Decimal(values.sum()).scaleb(-dtype.scale, WIDE))
    if not (dtype.is_numeric() or dtype == pl.Boolean()) or (mean := values.mean()) is None:
        return None
    assert isinstance(mean, float)
    return mean * (len(values) - values.null_count())


def _is_ordered(dtype: pl.DataType) -> bool:
    return dtype.is_numeric() or dtype.is_temporal()


def _either(choice: Any, known: Any, found: Any) -> Any:
    return found if known is None else known if found is None else choice(known, found)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else value
