"""Frames of the right shape → Parquet files staged in a table's folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pyarrow as pa

from opetence_assets.lake.commits import stage
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import DataFile

ROW_GROUP = 1_000_000
DIGITS = range(10, 19)  # of a decimal that Parquet holds in 64 bits


def staged(lake: Lake, key: str, frames: Iterable[pl.DataFrame], scratch: Path) -> list[DataFile]:
    """Each non-empty frame as one zstd Parquet file, durable and invisible until committed."""
    files: list[DataFile] = []
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="stage-", dir=scratch) as folder:
        for number, frame in enumerate(frame for frame in frames if len(frame)):
            path = Path(folder) / f"{number}.parquet"
            _write(frame.to_arrow(), path)
            files.append(stage(lake, key, path))
    return files


def arrow_schema(frame: pl.DataFrame) -> pa.Schema:
    """The Arrow schema of a frame, with types that Delta knows."""
    return frame.clear().to_arrow(compat_level=pl.CompatLevel.oldest()).schema


def _write(rows: pa.Table, path: Path) -> None:
    """Numbers and times of 64 bits as differences, all else as dictionaries until they grow too large.

    Not by Polars, which writes no differences: so stored, a column is read at 0.34 to 0.4 of the cost
    (``docs/decisions/0016``).
    """
    import pyarrow.parquet as pq

    apart = {field.name for field in rows.schema if _has_64_bits(field.type)}
    pq.write_table(
        rows,
        path,
        compression="zstd",
        compression_level=3,
        row_group_size=ROW_GROUP,
        use_dictionary=[name for name in rows.schema.names if name not in apart],  # pyright: ignore[reportArgumentType]
        column_encoding=dict.fromkeys(apart, "DELTA_BINARY_PACKED"),
        store_decimal_as_integer=True,
        store_schema=False,  # Arrow's own types are of this process only: its views of texts, its dictionaries
    )


def _has_64_bits(kind: pa.DataType) -> bool:
    in_64_bits = pa.types.is_decimal(kind) and kind.precision in DIGITS
    return in_64_bits or pa.types.is_int64(kind) or pa.types.is_timestamp(kind)
