"""dbt's sources, derived from the declarations: the one place where silver's columns are told to dbt."""

from __future__ import annotations

import os
from itertools import groupby
from pathlib import Path

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.refinement.shape import table_types

HEADER = (
    "# Derived from opetence_assets/datasets; not kept in git, never edited: the next run writes it again.\nsources:\n"
)


def write_sources(project: Path) -> None:
    """Brings ``models/sources.yml`` up to the declarations; untouched where it already says the same."""
    from opetence_assets.datasets import all_datasets

    file, text = project / "models" / "sources.yml", rendered(all_datasets())
    if file.exists() and file.read_text() == text:
        return
    new = file.with_name(f".{file.name}.{os.getpid()}")
    new.write_text(text)
    os.replace(new, file)


def rendered(datasets: tuple[Dataset, ...]) -> str:
    """The YAML: one source a system, one table a dataset, each column with its DuckDB type."""
    systems = groupby(datasets, key=lambda dataset: dataset.feed.system)
    return HEADER + "".join(_source(system, list(tables)) for system, tables in systems)


def _source(system: str, datasets: list[Dataset]) -> str:
    tables = "".join(f"      - name: {d.feed.name}\n        columns:\n{_columns(d)}" for d in datasets)
    return f"  - name: {system}\n    schema: silver_{system}\n    tables:\n{tables}"


def _columns(dataset: Dataset) -> str:
    types = table_types(dataset)
    return "".join(f'          - {{name: {name}, data_type: "{_duckdb(dtype)}"}}\n' for name, dtype in types.items())


def _duckdb(dtype: pl.DataType) -> str:
    match dtype:
        case pl.Decimal():
            return f"decimal({dtype.precision},{dtype.scale})"
        case pl.Datetime():
            return "timestamp with time zone"
        case _:
            return _NAMES[type(dtype)]


_NAMES: dict[type[pl.DataType], str] = {
    pl.Binary: "blob",
    pl.Boolean: "boolean",
    pl.Date: "date",
    pl.Float64: "double",
    pl.Int16: "smallint",
    pl.Int32: "integer",
    pl.Int64: "bigint",
    pl.String: "varchar",
}
