"""What a scan learns of each column, and how what it does not count is estimated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

SAMPLE = 50_000  # rows; a quantile is off by 0.2 % of the rows (one standard deviation)
CHANCE = 20_260_301
ROWS = ("", "rows")
SUMMABLE = 28  # digits of a decimal, of which any 10 billion have a sum in 128 bits
WIDE = Context(prec=60)  # more digits than the sum of any decimals has
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


@dataclass(frozen=True)
class ColumnStatistics:
    """One column of a table version.

    Attributes:
        rows, nulls: exact.
        distinct: values beside null; None of nested columns. Exact if ``distinct_is_exact`` (a column that is to be
            unique, few texts, or a table of up to SAMPLE rows), else estimated from a random sample as PostgreSQL's
            ANALYZE does.
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


def chosen(rows: int) -> pl.Series | None:
    """Rows at random, not every hundredth: neighbours (an order's lines) must have their chance to meet. The same ones
    whenever as many are scanned; None for all."""
    if rows <= SAMPLE:
        return None
    # Digests of 0, 1, … and not NumPy's generators: their import takes longer than all that is drawn here.
    digests = pl.int_range(SAMPLE, dtype=pl.UInt64, eager=True).hash(CHANCE)
    return (digests % rows).unique().sort().cast(pl.UInt32)


@dataclass(frozen=True)
class Few:
    """A text column whose values are all known, each of them there at least once."""

    values: pl.Series
    nulls: int


@dataclass
class Learned:
    """The figures of a scan over some columns: what is exact is asked of Polars, the rest of a sample of the rows."""

    columns: Mapping[str, pl.DataType]
    closed: frozenset[str]  # personal: nothing of their values is kept
    chosen: pl.Series | None  # of the rows, in order, to be sampled; None for all
    few: Mapping[str, Few]  # columns that are known without being read
    counted: frozenset[str]  # columns whose distinct values are told in the end
    rows: int = 0
    figures: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    sample: list[pl.DataFrame] = field(default_factory=list[pl.DataFrame])

    def asked(self) -> dict[tuple[str, str], pl.Expr]:
        """What is to be asked of all rows, in one row of answers: by column and figure."""
        return {ROWS: pl.len()} | {
            (name, figure): expression
            for name, dtype in self.columns.items()
            if name not in self.few
            for figure, expression in _figures(name, dtype, name in self.closed).items()
        }

    def answered(self, answers: Mapping[tuple[str, str], Any]) -> None:
        """Takes the answers to what was ``asked``."""
        self.rows = answers[ROWS]
        self.figures = {name: {"nulls": few.nulls} for name, few in self.few.items()}
        for (name, figure), answer in answers.items():
            self.figures.setdefault(name, {})[figure] = answer
        for name, dtype in self.columns.items():
            if isinstance(dtype, pl.Decimal):
                units = {figure: units for figure, units in self.figures[name].items() if figure != "nulls"}
                self.figures[name] |= {figure: _scaled(units[figure], dtype.scale) for figure in units}

    def take(self, batch: pl.DataFrame, first: int) -> None:
        """Adds the chosen rows of a batch, of which ``first`` is the first row's place among all."""
        # No query may be made here of the batch, as most of Polars' functions do: it wakes threads and takes memory
        # that do more harm to the query under way than they do work (measured: 0.05 CPU-s for the digests of texts).
        taken = [batch[name] for name in self._sampled]
        if self.chosen is not None:
            places = self.chosen.to_numpy()
            low, high = (int(places.searchsorted(place)) for place in (first, first + len(batch)))
            rows = self.chosen.slice(low, high - low) - first
            taken = [_own(values[rows]) for values in taken]
        self.sample.append(pl.DataFrame(taken))

    @cached_property
    def _sampled(self) -> list[str]:
        """The columns whose quantiles or distinct values are not known otherwise."""
        known = {*self.few, *(name for name in self.counted if not _is_ordered(self.columns[name]))}
        return [name for name, dtype in self.columns.items() if not dtype.is_nested() and name not in known]

    def statistics(self, distinct: Mapping[str, int]) -> tuple[ColumnStatistics, ...]:
        """Every column's figures; ``distinct`` values, a null among them, are known of those that are ``counted``."""
        if not self.rows:
            return ()
        sample = pl.concat(self.sample)
        return tuple(
            self._of(name, _sorted(sample[name] if name in sample.columns else None), distinct.get(name))
            for name in self.columns
        )

    def _of(self, name: str, values: pl.Series, counted: int | None) -> ColumnStatistics:
        known, dtype = self.figures[name], self.columns[name]
        if few := self.few.get(name):
            return ColumnStatistics(name, self.rows, few.nulls, len(few.values), True)
        valued = self.rows - known["nulls"]
        if counted is not None:
            distinct, is_exact = counted - bool(known["nulls"]), True
        elif dtype.is_nested():
            distinct, is_exact = None, False
        else:
            distinct, is_exact = _distinct(values, valued), self.chosen is None
        if name in self.closed:
            return ColumnStatistics(name, self.rows, known["nulls"], distinct, is_exact)
        shares = QUANTILES if _is_ordered(dtype) and len(values) else ()
        quantiles = {share: values[min(len(values) - 1, int(share * len(values)))] for share in shares}
        mean = float(known["sum"]) / valued if valued and "sum" in known else known.get("mean")
        return ColumnStatistics(
            name, self.rows, known["nulls"], distinct, is_exact,
            known.get("least"), known.get("greatest"), mean, quantiles,
        )  # fmt: skip


def _own(values: pl.Series) -> pl.Series:
    """Values that keep no memory of the batch they are from, as texts in Polars' views do."""
    return values if _is_ordered(values.dtype) else pl.Series(values.name, values.to_list(), values.dtype)


def _sorted(sampled: pl.Series | None) -> pl.Series:
    """The sample of a column less its nulls, or its digests where it has no order; none of a nested column."""
    if sampled is None:
        return pl.Series(dtype=pl.Null())
    values = sampled.drop_nulls() if sampled.null_count() else sampled
    return (values if _is_ordered(values.dtype) else values.hash()).sort(multithreaded=False)


def _distinct(values: pl.Series, rows: int) -> int:
    """Haas and Stokes' estimator (Duj1) of a column's distinct values, as PostgreSQL's ANALYZE has it, by a sorted
    sample; exact where the sample is all there is."""
    size = len(values)
    if size == 0:
        return 0
    changes = (values.slice(1) != values.slice(0, size - 1)).to_numpy()
    firsts, lasts = np.append(True, changes), np.append(changes, True)
    found, once = int(firsts.sum()), int((firsts & lasts).sum())
    return found if size >= rows else min(rows, round(size * found / (size - once + once * size / rows)))


def _figures(name: str, dtype: pl.DataType, closed: bool) -> dict[str, pl.Expr]:
    """Decimals as whole numbers: an eighth of what Polars' bounds and mean of decimals take."""
    values = pl.col(name).to_physical() if dtype.is_decimal() else pl.col(name)
    found = {"nulls": values.null_count()}
    if _is_ordered(dtype):
        found |= {"least": values.min(), "greatest": values.max()}
    if not closed and isinstance(dtype, pl.Decimal):
        found["sum"] = (values if dtype.precision <= SUMMABLE else values.cast(pl.Float64)).sum()
    elif not closed and (dtype.is_numeric() or dtype == pl.Boolean()):
        found["mean"] = values.mean()
    return found


def _scaled(units: Any, scale: int) -> Decimal | None:
    return None if units is None else Decimal(units).scaleb(-scale, WIDE)


def _is_ordered(dtype: pl.DataType) -> bool:
    return dtype.is_numeric() or dtype.is_temporal()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else value
