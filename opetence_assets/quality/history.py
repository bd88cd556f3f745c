"""What was measured of every table and when: three lake tables, kept for ever, written once per table and version.

A measurement waits as one small file beside the tables (``measured/TABLE/VERSION.parquet``, made once and never
changed) until the next release takes all that wait into one commit of each table: forty tables cost two commits, not
eighty. A transaction per table says up to which version that was done, so that a kill adds nothing twice.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.lake.commits import commit
from opetence_assets.lake.places import Lake, deleted, listing, put_new, read
from opetence_assets.lake.tables import Table, metadata_of, open_table, transactions_of
from opetence_assets.quality.metrics import Metric, definitions, described
from opetence_assets.refinement.files import arrow_schema, staged

METRICS, RECORDS, TASKS = (f"gold/data_quality_{name}" for name in ("metrics", "metric_records", "measurement_tasks"))
WAITING = "measured"
MANY, SMALL = 48, 200_000  # so many files of fewer rows become one: each dataset's check opens every file there is
UTC_TIME = pl.Datetime("us", "UTC")
RECORD_TYPES = {
    "metric_type": pl.String,  # volume, completeness, uniqueness, distribution, timeliness
    "metric_name": pl.String,  # rows, null_rate(COLUMN), sum(COLUMN), mean(COLUMN), distinct(COLUMN), hour, …
    "formula": pl.String,
    "value": pl.Float64,
    "source_system": pl.String,
    "target_system": pl.String,  # the zone it was measured in
    "table_name": pl.String,  # lake key: silver/order_service/orders
    "segment": pl.String,  # column=value; empty: of all rows
    "day": pl.Date,  # null: of the whole table
    "domain": pl.String,
    "measured_at": UTC_TIME,
    "table_version": pl.Int64,
    "run_id": pl.String,
    "run_url": pl.String,
}
TASK_TYPES = {
    "table_name": pl.String,
    "table_version": pl.Int64,
    "since_version": pl.Int64,  # the version that the one measured before was of; null: the first
    "days": pl.Int64,  # days measured
    "figures": pl.Int64,
    "seconds": pl.Float64,
    "measured_at": UTC_TIME,
    "run_id": pl.String,
    "run_url": pl.String,
}


@dataclass(frozen=True)
class Run:
    """By which run something is measured, and where one can look at it."""

    id: str = ""
    url: str = ""


def keep(lake: Lake, key: str, version: int, records: pl.DataFrame, task: Mapping[str, object]) -> bool:
    """Leaves a measurement for the next release to take in; False where this version was measured before."""
    buffer = io.BytesIO()
    noted = pl.DataFrame([dict(task)], schema=TASK_TYPES).write_json()
    records.select(*RECORD_TYPES).write_parquet(buffer, metadata={"task": noted})
    return put_new(lake, _waiting(key, version), buffer.getvalue())


def waiting(lake: Lake, key: str = "") -> list[tuple[str, int]]:
    """Table and version of each measurement that no release has taken in, oldest first."""
    found: list[tuple[str, int]] = []
    for path in listing(lake, f"{WAITING}/{key}".rstrip("/")):
        table, _, name = path.removeprefix(f"{WAITING}/").rpartition("/")
        found.append((table, int(name.removesuffix(".parquet"))))
    return found


def measured_until(lake: Lake, key: str) -> int | None:
    """The newest version of a table that was measured; None if none was."""
    taken = _taken(lake, open_table(lake, RECORDS)).get(key)
    there = [version for _, version in waiting(lake, key)]
    return max([*there, *([taken] if taken is not None else [])], default=None)


def take_in(lake: Lake, scratch: Path, datasets: Iterable[Dataset], marts: Iterable[Metric] = ()) -> dict[str, int]:
    """Commits every waiting measurement and what is measured at all; the three tables' versions, for the release.

    ``marts``: what is measured of gold's own tables.

    Tables that nothing was measured of stay as they are: a second call commits nothing.
    """
    files = waiting(lake)
    frames = {one: read(lake, _waiting(*one)) for one in files}
    records = {one: pl.read_parquet(io.BytesIO(data)) for one, data in frames.items()}
    tasks = {one: _task(data) for one, data in frames.items()}
    versions = {
        RECORDS: _added(lake, scratch, RECORDS, records, RECORD_TYPES),
        TASKS: _added(lake, scratch, TASKS, tasks, TASK_TYPES),
        METRICS: _replaced(lake, scratch, definitions(datasets, marts)),
    }
    deleted(lake, [_waiting(*one) for one in files])
    return {key: version for key, version in versions.items() if version is not None}


def history(lake: Lake, table: str | None = None, where: pl.Expr | None = None) -> pl.DataFrame:
    """Every figure ever measured (``RECORD_TYPES``), the newest measurement of each last; of one table, if named.

    Includes what waits for the next release. A figure of a day is measured again when the day changes: ``newest``
    keeps the last word on each.
    """
    parts, wanted = [pl.DataFrame(schema=RECORD_TYPES)], pl.lit(True) if where is None else where
    if (kept := open_table(lake, RECORDS)) is not None:
        rows = kept.scan().select(*RECORD_TYPES).filter(wanted)
        parts.append((rows.filter(pl.col("table_name") == table) if table else rows).collect())
    taken = _taken(lake, kept)
    for key, version in waiting(lake, table or ""):
        if version > taken.get(key, -1):
            parts.append(pl.read_parquet(io.BytesIO(read(lake, _waiting(key, version)))).filter(wanted))
    return pl.concat(parts).sort("table_name", "metric_name", "segment", "day", "table_version", nulls_last=False)


def newest(records: pl.DataFrame) -> pl.DataFrame:
    """The last word on each figure: one row a table, metric, segment and day (null: the whole table)."""
    figure = ["table_name", "target_system", "metric_name", "segment", "day"]
    return records.sort("table_version", "measured_at").unique(figure, keep="last", maintain_order=True)


def of_day(records: pl.DataFrame, day: date) -> pl.DataFrame:
    """What is known of one day."""
    return newest(records).filter(pl.col("day") == day)


def _added(
    lake: Lake, scratch: Path, key: str, frames: Mapping[tuple[str, int], pl.DataFrame], types: Mapping[str, object]
) -> int | None:
    table = open_table(lake, key)
    taken = _taken(lake, table)
    fresh = {one: frame for one, frame in frames.items() if one[1] > taken.get(one[0], -1)}
    if not fresh:
        return table.version if table else None
    small = [file for file in table.files if file.rows < SMALL] if table else []
    merged = small if len(small) >= MANY else []
    parts = [table.only({file.path for file in merged}).scan().select(*types).collect()] if table and merged else []
    rows = pl.concat([*parts, *(frame.select(*types) for frame in fresh.values())])
    newest_of: dict[str, int] = {}
    for name, version in fresh:
        newest_of[name] = max(version, newest_of.get(name, -1))
    return commit(
        lake,
        key,
        schema=arrow_schema(rows),
        add=staged(lake, key, [rows.sort("table_name", maintain_order=True)], scratch),
        remove=merged,
        transactions={f"{WAITING}:{name}": version + 1 for name, version in newest_of.items()},
        metadata={"rows": len(rows) - sum(file.rows for file in merged), "measured": newest_of},
        base=table.version if table else -1,
    )


def _replaced(lake: Lake, scratch: Path, rows: pl.DataFrame) -> int:
    """The definitions, whole, where a declaration changed them."""
    table = open_table(lake, METRICS)
    content = str(rows.hash_rows().sum()) + str(len(rows))
    if table is not None and metadata_of(lake, METRICS, table.version).get("content") == content:
        return table.version
    return commit(
        lake,
        METRICS,
        schema=arrow_schema(rows),
        add=staged(lake, METRICS, [rows], scratch),
        remove=table.files if table else (),
        metadata={"content": content},
        base=table.version if table else -1,
    )


def _taken(lake: Lake, table: Table | None) -> dict[str, int]:
    """Table → the newest version whose measurement is in a history table."""
    if table is None:
        return {}
    found = transactions_of(lake, table.key, table.version)
    return {app.removeprefix(f"{WAITING}:"): number - 1 for app, number in found.items()}


def _task(data: bytes) -> pl.DataFrame:
    noted = pl.read_parquet_metadata(io.BytesIO(data))["task"]
    return pl.read_json(noted.encode(), schema=TASK_TYPES)


def _waiting(key: str, version: int) -> str:
    return f"{WAITING}/{key}/{version:020d}.parquet"


def task_of(key: str, version: int, since: int | None, days: int, figures: int, at: datetime) -> dict[str, object]:
    """A measurement's row of ``data_quality_measurement_tasks``, but for the run and how long it took."""
    return {
        "table_name": key,
        "table_version": version,
        "since_version": since,
        "days": days,
        "figures": figures,
        "measured_at": at,
    }


def recorded(
    dataset: Dataset, key: str, version: int, figures: pl.DataFrame, now: datetime, run: Run, *, zone: str = "silver"
) -> pl.DataFrame:
    """Figures (``metric_name``, ``segment``, ``value``, perhaps ``day``) as rows of the history."""
    fixed = {
        "target_system": zone,
        "table_name": key,
        "measured_at": now,
        "table_version": version,
        "run_id": run.id,
        "run_url": run.url,
    }
    named = figures.join(described(dataset).unique("metric_name"), on="metric_name", how="left")
    days = [] if "day" in named.columns else [pl.lit(None, pl.Date).alias("day")]
    filled = named.with_columns(*days, **{name: pl.lit(value) for name, value in fixed.items()})
    return filled.select(pl.col(name).cast(dtype) for name, dtype in RECORD_TYPES.items())  # pyright: ignore[reportArgumentType]
