"""A source table as the story knows it: a space of numbered things and the rows they have at a moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from sandbox.chance import Ints
from sandbox.story import Story


def everything(story: Story, table: Table, before: int, after: int) -> Ints:
    return np.arange(table.size(story, after), dtype=np.int64)


@dataclass(frozen=True)
class Table:
    """One table; its rows at any moment are a function of the story.

    Attributes:
        key: its primary key; empty where the source has none.
        size: how many things there are at a moment; they are numbered from 0.
        rows: the rows that the things of these numbers have at a moment.
        touched: numbers of the things that may have changed between two moments.
        gone: keys of the rows deleted between two moments.
        moved: for a table without a key: the rows that are new between two moments, with the cursor of the row that
            each replaces in ``was`` (null where it replaces none).
    """

    name: str
    key: tuple[str, ...]
    size: Callable[[Story, int], int]
    rows: Callable[[Story, Ints, int], pl.DataFrame]
    touched: Callable[[Story, Table, int, int], Ints] = everything
    gone: Callable[[Story, int, int], pl.DataFrame] | None = None
    moved: Callable[[Story, Ints, int, int], pl.DataFrame] | None = None
    cursor: str = "updated_at"


def moments(microseconds: Ints) -> pl.Series:
    return pl.Series(microseconds).cast(pl.Datetime("us", "UTC"))


def moment(microseconds: int) -> pl.Expr:
    return pl.lit(microseconds).cast(pl.Datetime("us", "UTC"))


def money(cents: Ints) -> pl.Series:
    """Exact decimal(12, 2): cents are the decimal's own integers, so nothing is divided."""
    wide = np.empty((len(cents), 2), dtype="<i8")
    wide[:, 0] = cents
    wide[:, 1] = cents >> 63
    decimals = pa.Array.from_buffers(pa.decimal128(12, 2), len(cents), [None, pa.py_buffer(wide)])
    return pl.Series(values=pl.from_arrow(decimals))


def words(vocabulary: Sequence[str], index: Ints) -> pl.Series:
    return pl.Series(vocabulary, dtype=pl.String).gather(index)


def digits(numbers: Ints, width: int) -> pl.Series:
    """Zero-padded decimal text."""
    return pl.Series(numbers).cast(pl.String).str.zfill(width)
