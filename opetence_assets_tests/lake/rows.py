"""Small tables for tests of the lake."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import pyarrow as pa

from opetence_assets.lake.commits import commit, stage
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import DataFile, open_table
from opetence_assets.lake.verdicts import record

KEY = "silver/shop/orders"


def frame(*ids: int, **more: Any) -> pl.DataFrame:
    """Rows with these ids; further columns as given."""
    return pl.DataFrame({"id": pl.Series(ids, dtype=pl.Int64)}).with_columns(
        text=pl.col("id").cast(pl.String), **{name: pl.lit(value) for name, value in more.items()}
    )


def schema_of(rows: pl.DataFrame) -> pa.Schema:
    return rows.clear().to_arrow(compat_level=pl.CompatLevel.oldest()).schema


def parquet(folder: Path, rows: pl.DataFrame) -> Path:
    """A finished Parquet file."""
    path = folder / f"{uuid4().hex}.parquet"
    rows.write_parquet(path)
    return path


def staged(lake: Lake, folder: Path, rows: pl.DataFrame, key: str = KEY, **partition: str | None) -> DataFile:
    return stage(lake, key, parquet(folder, rows), partition)


def appended(lake: Lake, folder: Path, rows: pl.DataFrame, key: str = KEY, **options: Any) -> int:
    """The version that appended these rows; its checks passed."""
    version = commit(lake, key, schema=schema_of(rows), add=[staged(lake, folder, rows, key)], **options)
    record(lake, key, version, [])
    return version


def ids(lake: Lake, key: str = KEY, version: int | None = None) -> list[int]:
    """Every id in the table, sorted; [] where there is no table."""
    table = open_table(lake, key, version)
    return [] if table is None else sorted(table.scan().select("id").collect()["id"].to_list())


def tree(folder: Path) -> Mapping[str, bytes]:
    """Every file below a folder and its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
