"""A day's rows at the source, in bronze and in silver: of the days before a load, as many as the load could count.

All three count the same: each key once, in its newest state, on the UTC day of its event, from the day on that the
load names; rows that changed before that day were not looked at. The source counted inside the snapshot that the rows
were read from.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

import polars as pl

from opetence_assets.dataset import Dataset, Window
from opetence_assets.lake.places import Lake
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.tables import DataFile, Table, open_table
from opetence_assets.lake.verdicts import CheckResult
from opetence_assets.quality.figures import LONG, rows_of
from opetence_assets.refinement.quarantine import DUPLICATE, REASON
from opetence_assets.refinement.shape import silver_types

ZONES = ("source_rows", "bronze_rows", "silver_rows", "refused_rows")
SHARE = "record_completeness_of_day"
NAMES = frozenset({*ZONES, SHARE})
SAID = 3  # days told in full


def is_counted_by_day(dataset: Dataset) -> bool:
    """Whether the source may tell how many keys a day has."""
    return dataset.feed.kind == "postgres" and dataset.day_column is not None and dataset.cursor is not None


def rows_across(dataset: Dataset, lake: Lake, silver: Table) -> pl.DataFrame:
    """``ZONES`` and ``SHARE`` by day, as ``LONG``; nothing where the load could not tell.

    ``refused_rows`` wait in quarantine and have no newer state in silver: they are known, though not there.
    """
    bronze = dataset.table("bronze")
    consumed = last_progress(lake, silver.key, silver.version).get("consumed", {}).get(bronze)
    counted = last_progress(lake, bronze, consumed).get("days") if consumed is not None else None
    landed = open_table(lake, bronze, consumed) if counted else None
    if landed is None or not counted:
        return pl.DataFrame(schema=LONG)
    source = {date.fromisoformat(day): float(keys) for day, keys in counted.items()}
    since = Window.of_day(min(source)).start
    held = rows_of(dataset, silver).filter(pl.col(dataset.cursor or "") >= since)
    counts = {
        "source_rows": source,
        "bronze_rows": _by_day(_live(dataset, landed, since), dataset, since),
        "silver_rows": _by_day(held, dataset, since),
        "refused_rows": _by_day(_refused(dataset, lake, held, since), dataset, since),
    }
    days = sorted({day for known in counts.values() for day, rows in known.items() if rows})
    rows: list[tuple[str, date, float]] = [(name, day, counts[name].get(day, 0.0)) for name in ZONES for day in days]
    known = {day: counts["silver_rows"].get(day, 0.0) + counts["refused_rows"].get(day, 0.0) for day in days}
    rows += [(SHARE, day, known[day] / source[day]) for day in days if source.get(day)]
    frame = pl.DataFrame(rows, schema=["metric_name", "day", "value"], orient="row")
    return frame.with_columns(pl.lit("").alias("segment")).select(pl.col(n).cast(t) for n, t in LONG.items())


def across_result(dataset: Dataset, records: pl.DataFrame, version: int) -> CheckResult:
    """``complete_by_day``, of what was measured of a version by day."""
    allowed = dataset.completeness.missing_at_most
    days = by_day(records.filter(pl.col("table_version") == version))
    wrong = {day: rows for day, rows in sorted(days.items()) if not agrees(rows, allowed)}
    more = f"; and {len(wrong) - SAID} more days" if len(wrong) > SAID else ""
    totals = {name: sum(rows[name] for rows in days.values()) for name in ZONES}
    found = "; ".join(f"{day}: {told(rows)}" for day, rows in list(wrong.items())[:SAID]) + more
    return CheckResult(
        "complete_by_day",
        not wrong,
        blocking=False,
        found=found or (f"{len(days)} days: {told(totals)}" if days else "the source was not counted by day"),
        allowed=f"each day all of the source's rows in bronze, and in silver or quarantine but for {allowed:,}; to read"
        f" the source whole again: opetence run --select {dataset.name} --reload",
        metadata={"days": len(days), **totals, "missing": totals["source_rows"] - _known(totals)},
    )


def by_day(records: pl.DataFrame) -> dict[date, dict[str, int]]:
    """Day → rows by ``ZONES``, of the records of one version."""
    days: dict[date, dict[str, int]] = {}
    of_zones = records.filter(pl.col("metric_name").is_in(ZONES))
    for name, day, value in of_zones.select("metric_name", "day", "value").iter_rows():
        days.setdefault(day, dict.fromkeys(ZONES, 0))[name] = int(value)
    return days


def agrees(rows: Mapping[str, int], allowed: int) -> bool:
    """Whether a day's rows, by ``ZONES``, are everywhere but for so many."""
    return not _is_lost_before(rows) and 0 <= rows["source_rows"] - _known(rows) <= allowed


def _is_lost_before(rows: Mapping[str, int]) -> bool:
    return rows["bronze_rows"] != rows["source_rows"]


def _known(rows: Mapping[str, int]) -> int:
    return rows["silver_rows"] + rows["refused_rows"]


def missing(rows: Mapping[str, int]) -> int:
    """How many rows are not there, at the first place where some are not; below zero: how many too many."""
    return rows["source_rows"] - (rows["bronze_rows"] if _is_lost_before(rows) else _known(rows))


def told(rows: Mapping[str, int]) -> str:
    """A day's rows, or those of several, in words."""
    source, bronze, silver, refused = (rows[name] for name in ZONES)
    return f"{source:,} rows at the source, {bronze:,} in bronze, {silver:,} in silver, {refused:,} only in quarantine"


def _live(dataset: Dataset, bronze: Table, since: datetime) -> pl.LazyFrame:
    """Each key's newest state, less those deleted since; of files that are older than ``since`` nothing is read."""
    key, cursor, rows = list(dataset.key), dataset.cursor or "", _recent(dataset, bronze, since).scan()
    newest = _newest(rows.filter(pl.col(cursor) >= since), dataset)
    if "_deleted" not in bronze.schema.names:
        return newest
    gone = rows.filter("_deleted").group_by(key).agg(pl.max("_loaded_at").alias("_gone_at"))
    left = newest.filter(~pl.col("_deleted")).join(gone, on=key, how="left", nulls_equal=True)
    return left.filter(pl.col("_gone_at").is_null() | (pl.col("_loaded_at") > pl.col("_gone_at")))


def _recent(dataset: Dataset, bronze: Table, since: datetime) -> Table:
    """The files that may hold a row changed or loaded since: of years of loads the others are not even opened."""
    names = ("_loaded_at", dataset.cursor or "")
    recent = (file for file in bronze.files if any(_may_reach(file, name, since) for name in names))
    return bronze.only({file.path for file in recent})


def _may_reach(file: DataFile, column: str, since: datetime) -> bool:
    last = file.stats.get("maxValues", {}).get(column)
    if not isinstance(last, str):
        return True
    moment = datetime.fromisoformat(last)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) >= since


def _refused(dataset: Dataset, lake: Lake, held: pl.LazyFrame, since: datetime) -> pl.LazyFrame:
    """What waits in quarantine and has no state as new in silver."""
    table, key, types = open_table(lake, dataset.table("quarantine")), list(dataset.key), silver_types(dataset)
    if table is None or not table.rows:
        return pl.LazyFrame(schema={dataset.day_column or "": pl.Date})
    waiting = table.scan().filter(pl.col(dataset.cursor or "") >= since, pl.col(REASON) != DUPLICATE)
    typed = _newest(waiting, dataset).with_columns(pl.col(name).cast(types[name], strict=False) for name in key)
    return typed.join(held.select(key), on=key, how="anti", nulls_equal=True)


def _newest(rows: pl.LazyFrame, dataset: Dataset) -> pl.LazyFrame:
    names = [*dataset.key, dataset.day_column or "", dataset.cursor or "", "_loaded_at"]
    deleted = ["_deleted"] if "_deleted" in rows.collect_schema().names() else []
    asked = rows.select(*dict.fromkeys([*names, *deleted])).sort(dataset.cursor or "", "_loaded_at")
    return asked.unique(list(dataset.key), keep="last", maintain_order=True)


def _by_day(rows: pl.LazyFrame, dataset: Dataset, since: datetime) -> dict[date, float]:
    day = pl.col(dataset.day_column or "").cast(pl.Date).alias("day")
    found = rows.group_by(day).len().filter(pl.col("day") >= since.date()).collect()
    return {each: float(rows) for each, rows in found.iter_rows()}
