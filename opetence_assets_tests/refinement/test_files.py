"""What is staged is read back as it was by all that read silver, with what has 64 bits as differences."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import polars as pl
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from polars.testing.parametric import column, dataframes

from opetence_assets.lake.places import place_at
from opetence_assets.refinement.files import staged
from opetence_assets_tests.lake.rows import KEY

APART = {
    "whole": pl.Int64(),
    "moment": pl.Datetime("us", "UTC"),
    "local": pl.Datetime("us"),
    "money": pl.Decimal(18, 2),
    "price": pl.Decimal(10, 4),
}
OTHERS = {
    "small": pl.Int32(),
    "share": pl.Decimal(9, 4),
    "sum": pl.Decimal(38, 2),
    "text": pl.String(),
    "day": pl.Date(),
    "flag": pl.Boolean(),
    "ratio": pl.Float64(),
}
COLUMNS = [column(name, dtype=dtype, allow_null=True) for name, dtype in (APART | OTHERS).items()]
EXTREMES = [2**63 - 1, -(2**63), None, 0, -1, 2**63 - 1, -(2**63)]  # their differences have no room in 64 bits


def written(frame: pl.DataFrame, folder: str) -> Path:
    lake = place_at(folder)
    (file,) = staged(lake, KEY, [frame], Path(folder) / "scratch")
    assert file.stats["numRecords"] == len(frame)
    return Path(lake.address(f"{KEY}/{file.path}"))


@settings(max_examples=40, deadline=None)
@given(dataframes(COLUMNS, min_size=1, max_size=8, allow_infinity=False), st.integers(1, 1000), st.integers(0, 99))
def test_all_read_what_was_written(values: pl.DataFrame, rows: int, seed: int) -> None:
    frame = values.sample(rows, with_replacement=True, seed=seed)  # a block of differences is longer than a few values
    with TemporaryDirectory() as folder, duckdb.connect() as connection:
        path = written(frame, folder)
        assert_frame_equal(pl.scan_parquet(path).collect(engine="streaming"), frame, check_exact=True)
        read = connection.from_parquet(str(path)).pl()
        assert_frame_equal(read.cast(frame.schema), frame, check_exact=True)
        chunks = pq.ParquetFile(path).metadata.row_group(0)
        encodings = {one.path_in_schema: one.encodings for one in map(chunks.column, range(chunks.num_columns))}
        assert {name for name, of in encodings.items() if "DELTA_BINARY_PACKED" in of} == set(APART)


def test_differences_that_overflow_come_back(tmp_path: Path) -> None:
    frame = pl.DataFrame({"whole": pl.Series(EXTREMES * 1000, dtype=pl.Int64)})
    path = written(frame, str(tmp_path))
    assert_frame_equal(pl.read_parquet(path), frame)
    assert duckdb.from_parquet(str(path)).pl().equals(frame)
