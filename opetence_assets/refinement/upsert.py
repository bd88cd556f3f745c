"""One commit that replaces the rows of changed keys; files that hold none of them keep their bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from opetence_assets.dataset import Dataset, Deletes
from opetence_assets.lake.commits import commit
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import DataFile, Table
from opetence_assets.refinement.files import arrow_schema, staged
from opetence_assets.refinement.history import chained
from opetence_assets.refinement.shape import VERSION, silver_types, table_types

FILE_ROWS = 500_000  # rows a file of an unpartitioned table: bounds what one changed key rewrites
PATH, EXISTING = "_path", "_existing"


@dataclass(frozen=True)
class Change:
    """New states by key, the keys that are gone (with ``_gone_at``), and those that begin anew."""

    rows: pl.DataFrame
    gone: pl.DataFrame
    reborn: pl.DataFrame


def upsert(
    dataset: Dataset,
    lake: Lake,
    scratch: Path,
    silver: Table | None,
    change: Change,
    progress: Mapping[str, Any],
    transactions: Mapping[str, int] | None = None,
) -> int:
    """Commits a change to silver and returns the version; a row older than what silver has is left out."""
    key = dataset.table("silver")
    rows = change.rows.select(*silver_types(dataset))
    matches = _matches(dataset, silver, rows, change.gone)
    if not dataset.history and dataset.deletes is not Deletes.TOLD:  # a source that tells its order is believed
        rows = _not_older(dataset, rows, matches, change.reborn)
    touched = _touched(dataset, silver, rows, matches)
    version = silver.version + 1 if silver else 0
    old = _rows_of(dataset, silver, touched)
    merged = _merged(dataset, old, rows, change.gone, version)
    days = _days_left(dataset, old, merged)
    frames = _laid_out(dataset, merged)
    return commit(
        lake,
        key,
        schema=arrow_schema(pl.DataFrame(schema=table_types(dataset))),
        add=staged(lake, key, frames, scratch),
        remove=touched,
        transactions=transactions,
        metadata={**progress, "days": days},
        base=silver.version if silver else -1,
    )


def made_anew(dataset: Dataset, silver: Table, change: Change) -> tuple[pl.DataFrame, list[str], bool]:
    """All of silver as these rows make it, the days that lost one, and whether anything is other than it was.

    A row that is the same keeps the version that wrote it: what is built from silver is built again for the others.
    """
    rows, types = change.rows.select(*silver_types(dataset)), table_types(dataset)
    merged = _merged(dataset, None, rows, change.gone, silver.version + 1)
    old = silver.scan().collect()
    if dict(old.schema) != types:
        day = dataset.partition_by.column if dataset.partition_by else ""
        days = old[day].cast(pl.Date).drop_nulls().unique().sort() if day in old.columns else []
        return merged, [each.isoformat() for each in days], True
    same = [name for name in types if name != VERSION]
    known = merged.drop(VERSION).join(old, on=same, how="left", nulls_equal=True, maintain_order="left")
    written = known.with_columns(pl.col(VERSION).fill_null(silver.version + 1)).select(*types)
    is_other = len(old) != len(merged) or bool(known[VERSION].is_null().any())
    return written, _days_left(dataset, old, merged), is_other


def replaced(
    dataset: Dataset,
    lake: Lake,
    scratch: Path,
    silver: Table,
    rows: pl.DataFrame,
    progress: Mapping[str, Any],
    transactions: Mapping[str, int],
) -> int:
    """Commits all of silver anew, its columns as they are declared now; returns the version."""
    return commit(
        lake,
        silver.key,
        schema=arrow_schema(pl.DataFrame(schema=table_types(dataset))),
        add=staged(lake, silver.key, _laid_out(dataset, rows), scratch),
        remove=silver.files,
        transactions=transactions,
        metadata=progress,
        base=silver.version,
        redefine=True,
    )


def _matches(dataset: Dataset, silver: Table | None, rows: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    """Where the changed keys are now: key, cursor and file of each. Reads key columns only."""
    key = list(dataset.key)
    cursor = [dataset.cursor] if dataset.cursor else []
    if silver is None or not silver.files:
        return pl.DataFrame(schema={**{k: rows.schema[k] for k in key + cursor}, PATH: pl.String})
    wanted = pl.concat([rows.select(key), gone.select(key)]).unique()
    lookup = [
        pl.scan_parquet(uri, storage_options=dict(silver.options)).select(*key, *cursor, pl.lit(file.path).alias(PATH))
        for file, uri in zip(silver.files, silver.uris, strict=True)
        if _may_hold(file, key[0], wanted[key[0]])
    ]
    if not lookup:
        return pl.DataFrame(schema={**{k: rows.schema[k] for k in key + cursor}, PATH: pl.String})
    return pl.concat(lookup).join(wanted.lazy(), on=key, how="semi", nulls_equal=True).collect()


def _may_hold(file: DataFile, column: str, values: pl.Series) -> bool:
    """Whether a file's statistics leave room for any of these keys (numbers and text compare as in the file)."""
    low = file.stats.get("minValues", {}).get(column)
    high = file.stats.get("maxValues", {}).get(column)
    first, last = values.min(), values.max()
    if not (type(low) is type(high) is type(first) is type(last)) or not isinstance(low, int | str):
        return True
    return bool(first <= high and last >= low)  # pyright: ignore[reportOperatorIssue]


def _not_older(dataset: Dataset, rows: pl.DataFrame, matches: pl.DataFrame, reborn: pl.DataFrame) -> pl.DataFrame:
    if not dataset.cursor or not len(matches):
        return rows
    matches = matches.join(reborn, on=list(dataset.key), how="anti")
    known = matches.select(*dataset.key, pl.col(dataset.cursor).alias(EXISTING))
    compared = rows.join(known, on=list(dataset.key), how="left", nulls_equal=True)
    older = pl.col(EXISTING).is_not_null() & (pl.col(dataset.cursor) < pl.col(EXISTING))
    return compared.filter(~older).drop(EXISTING)


def _touched(dataset: Dataset, silver: Table | None, rows: pl.DataFrame, matches: pl.DataFrame) -> list[DataFile]:
    """Files that hold a changed key, and the one that new rows belong in (its month's, or the last unfilled)."""
    if silver is None:
        return []
    paths = set(matches[PATH].unique().to_list())
    if dataset.partition_by:
        months = set(_months(rows[dataset.partition_by.column]).unique().to_list())
        belongs = {f.path for f in silver.files if _month_of(f, dataset.partition_by.column) in months}
    else:
        belongs = {f.path for f in silver.files if f.rows < FILE_ROWS} if len(rows) else set[str]()
    return [file for file in silver.files if file.path in paths | belongs]


def _rows_of(dataset: Dataset, silver: Table | None, files: list[DataFile]) -> pl.DataFrame | None:
    """The rows of some files, with a null in columns that were declared since."""
    if silver is None or not files:
        return None
    rows = silver.only({file.path for file in files}).scan().collect()
    new = {name: dtype for name, dtype in table_types(dataset).items() if name not in rows.columns}
    return rows.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in new.items())


def _merged(
    dataset: Dataset, old: pl.DataFrame | None, rows: pl.DataFrame, gone: pl.DataFrame, version: int
) -> pl.DataFrame:
    key, types = list(dataset.key), table_types(dataset)
    if dataset.history:
        return chained(dataset, old, rows, gone, version).select(*types)
    fresh = rows.with_columns(pl.lit(version, pl.Int64).alias(VERSION)).select(*types)
    if old is None:
        return fresh
    changed = pl.concat([rows.select(key), gone.select(key)])
    return pl.concat([old.join(changed, on=key, how="anti", nulls_equal=True).select(*types), fresh])


def _days_left(dataset: Dataset, old: pl.DataFrame | None, merged: pl.DataFrame) -> list[str]:
    """Days that lost a row (deleted or moved), which no remaining row's version can tell of."""
    if old is None or not dataset.partition_by:
        return []
    day = pl.col(dataset.partition_by.column).cast(pl.Date).alias("day")
    before = old.select(*dataset.key, day).unique()
    left = before.join(merged.select(*dataset.key, day), on=[*dataset.key, "day"], how="anti", nulls_equal=True)
    return sorted({value.isoformat() for value in left["day"].drop_nulls().to_list()})


def _laid_out(dataset: Dataset, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    if dataset.partition_by:
        month = _months(rows[dataset.partition_by.column])
        yield from rows.with_columns(month.alias("_month")).partition_by(
            "_month", include_key=False, maintain_order=True
        )
    else:
        yield from rows.iter_slices(FILE_ROWS)


def _months(values: pl.Series) -> pl.Series:
    return values.dt.strftime("%Y-%m")


def _month_of(file: DataFile, column: str) -> str | None:
    low = file.stats.get("minValues", {}).get(column)
    return str(low)[:7] if low is not None else None
