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


def staged(lake: Lake, key: str, frames: Iterable[pl.DataFrame], scratch: Path) -> list[DataFile]:
    """Each non-empty frame as one zstd Parquet file, durable and invisible until committed."""
    files: list[DataFile] = []
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="stage-", dir=scratch) as folder:
        for number, frame in enumerate(frame for frame in frames if len(frame)):
            path = Path(folder) / f"{number}.parquet"
            frame.write_parquet(path, compression="zstd", compression_level=3, row_group_size=ROW_GROUP)
            files.append(stage(lake, key, path))
    return files


def arrow_schema(frame: pl.DataFrame) -> pa.Schema:
    """The Arrow schema of a frame, with types that Delta knows."""
    return frame.clear().to_arrow(compat_level=pl.CompatLevel.oldest()).schema
