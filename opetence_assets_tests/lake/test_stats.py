"""Statistics prune files, so they must never exclude a row that is there."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
from hypothesis import example, given, settings
from hypothesis import strategies as st

from opetence_assets.lake.stats import LONGEST_TEXT, footer

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)


@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(st.none() | TEXT, min_size=1, max_size=9),
    numbers=st.lists(st.none() | st.integers(-9, 9), min_size=9),
)
@example(texts=["é" * 99, "\U0010ffff" * 99], numbers=[None] * 9)
@example(texts=[""], numbers=[None] * 9)
def test_bounds_hold_every_value(texts: list[str | None], numbers: list[int | None]) -> None:
    rows = pl.DataFrame(
        {"text": pl.Series(texts, dtype=pl.String), "number": pl.Series(numbers[: len(texts)], dtype=pl.Int32)}
    )
    with tempfile.TemporaryDirectory() as folder:
        for write in (
            lambda path: rows.write_parquet(path, row_group_size=2),
            lambda path: pq.write_table(rows.to_arrow(), path, row_group_size=2),
        ):
            path = Path(folder) / "rows.parquet"
            write(path)
            found = footer(path)
            assert found.rows == found.stats["numRecords"] == len(rows)
            for name, column in rows.to_dict(as_series=False).items():
                there = [value for value in column if value is not None]
                assert found.stats["nullCount"][name] == column.count(None)
                assert name in found.stats["minValues"] or not there or any(len(str(v)) > LONGEST_TEXT for v in there)
                if name in found.stats["minValues"]:
                    low, high = found.stats["minValues"][name], found.stats["maxValues"][name]
                    assert all(low <= value <= high for value in there)
