"""Measures a silver version once: the days that changed since the version measured before, and the whole of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.lake.drift import drift_events
from opetence_assets.lake.places import Lake
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.tables import Table, commits, open_table
from opetence_assets.privacy.treatment import declared_columns
from opetence_assets.quality.across import NAMES, rows_across
from opetence_assets.quality.coverage import OF_DAY, coverage, of_days
from opetence_assets.quality.figures import by_day, event_column, event_day, nullable
from opetence_assets.quality.history import Run, history, keep, measured_until, newest, recorded, task_of
from opetence_assets.quality.metrics import metrics_of
from opetence_assets.quality.timeliness import latency
from opetence_assets.refinement.shape import VERSION, table_key
from opetence_assets.settings import Settings


def measure(
    dataset: Dataset, lake: Lake, silver: Table, *, now: datetime, run: Run | None = None
) -> dict[str, float] | None:
    """Measures a version that was not, and gives the figures of the whole table by metric.

    None, without reading a row, where this version or a later one was measured.
    """
    since, run = measured_until(lake, silver.key), run or Run()
    if since is not None and since >= silver.version:
        return None
    started = time.perf_counter()
    known = newest(history(lake, silver.key)).filter(pl.col("day").is_not_null(), ~pl.col("metric_name").is_in(NAMES))
    days = _changed_days(dataset, lake, silver, since) if _is_known(dataset, known) else None
    daily = by_day(dataset, silver, days)
    if since is not None:
        daily = _news(known, daily, days)
    rows = _rows_by_day(known, daily)
    both = [of_days(rows, _over(daily, now)), rows_across(dataset, lake, silver)]
    daily = pl.concat([daily, *both], how="diagonal_relaxed")
    whole = {**standing(dataset, lake, silver, now), **latency(dataset, lake, silver, since)}
    if (share := coverage(rows).share) is not None:
        whole["days_present"] = share
    long = pl.concat([daily, _named(whole)], how="diagonal_relaxed")
    records = recorded(dataset, silver.key, silver.version, long, now, run)
    task = task_of(silver.key, silver.version, since, daily["day"].n_unique(), len(records), datetime.now(UTC))
    run_of = {"run_id": run.id, "run_url": run.url, "seconds": round(time.perf_counter() - started, 3)}
    return whole if keep(lake, silver.key, silver.version, records, {**task, **run_of}) else None


def run_of(run_id: str, settings: Settings) -> Run:
    """A run and its page in the UI."""
    return Run(run_id, f"{settings.variables.get('OPETENCE_UI_URL', 'http://127.0.0.1:3000')}/runs/{run_id}")


def _changed_days(dataset: Dataset, lake: Lake, silver: Table, since: int | None) -> Sequence[date] | None:
    """Days with rows written since a version, and days that rows left; None: all, where that cannot be told."""
    if since is None or dataset.partition_by is None or event_column(dataset) != dataset.partition_by.column:
        return None
    later = [commit for commit in commits(lake, silver.key, since) if commit.version <= silver.version]
    if len(later) != silver.version - since:
        return None
    written = silver.scan().filter(pl.col(VERSION) > since).select(event_day(dataset)).unique().collect()
    left = {date.fromisoformat(day) for commit in later for day in commit.metadata.get("days", [])}
    return sorted({*written["day"].drop_nulls().to_list(), *left})


def _is_known(dataset: Dataset, known: pl.DataFrame) -> bool:
    """Whether every figure by day was measured before: what is watched since yesterday has its past measured too."""
    not_of_every_day = {OF_DAY, *NAMES}
    declared = {metric.metric_name for metric in metrics_of(dataset) if metric.by_day} - not_of_every_day
    columns = known["segment"].str.split("=").list.first().unique()
    return declared <= set(known["metric_name"]) and set(dataset.watch.by) <= set(columns)


def _news(known: pl.DataFrame, daily: pl.DataFrame, days: Sequence[date] | None) -> pl.DataFrame:
    """What differs from the last word on it; a figure that is gone (its rows left the day) is zero now."""
    figure = ["metric_name", "segment", "day"]
    known = known.select(*figure, pl.col("value").alias("was"))
    known = known if days is None else known.filter(pl.col("day").is_in(list(days)))
    compared = daily.join(known, on=figure, how="full", coalesce=True)
    counted = pl.col("metric_name").str.contains(r"^(rows|sum\(|distinct\()")
    gone = pl.when(counted).then(0.0)
    changed = pl.coalesce("value", gone).alias("value")
    return compared.with_columns(changed).filter(pl.col("value").ne_missing(pl.col("was"))).drop("was").drop_nulls()


def _rows_by_day(known: pl.DataFrame, daily: pl.DataFrame) -> pl.DataFrame:
    """Rows of each day as they are now."""
    every = pl.concat([known.select("metric_name", "segment", "day", "value"), daily], how="diagonal_relaxed")
    rows = every.filter(pl.col("metric_name") == "rows", pl.col("segment") == "")
    return rows.unique("day", keep="last", maintain_order=True)


def _over(daily: pl.DataFrame, now: datetime) -> list[date]:
    """The days whose rows changed and that are over."""
    changed = daily.filter(pl.col("metric_name") == "rows", pl.col("segment") == "", pl.col("day") < now.date())
    return changed["day"].to_list()


def _named(values: Mapping[str, float]) -> pl.DataFrame:
    return pl.DataFrame({"metric_name": list(values), "value": list(values.values()), "segment": ""})


def standing(dataset: Dataset, lake: Lake, silver: Table, now: datetime) -> dict[str, float]:
    """Figures of the whole table, from the log and the files' own statistics: not one row is read."""
    rows, quarantine = silver.rows, open_table(lake, dataset.table("quarantine"))
    key_nulls = [_nulls(silver, name) for name in table_key(dataset)]
    figures = {
        "rows": rows,
        **{f"null_rate({name})": _share(_nulls(silver, name), rows) for name in nullable(dataset)},
        "quarantined": quarantine.rows if quarantine else 0,
        "duplicates": last_progress(lake, silver.key, silver.version).get("duplicates", 0),
        "key_completeness": _complete(key_nulls, rows),
        "source_coverage": _coverage(dataset, lake),
        "record_completeness": _of_source(dataset, lake, silver),
        "age": _age(dataset, silver, now),
    }
    return {name: float(value) for name, value in figures.items() if value is not None}


def newest_event(dataset: Dataset, silver: Table) -> datetime | None:
    """The newest event or change that silver tells of, from the files' statistics; None where it has no time.

    The cursor goes first: a row that was changed today is news, whenever it happened.
    """
    column = dataset.cursor or event_column(dataset)
    stats = [file.stats.get("maxValues", {}).get(column) for file in silver.files]
    texts = [text for text in stats if isinstance(text, str)]
    try:
        moments = [datetime.fromisoformat(text) for text in texts]
    except ValueError:
        return None  # a cursor that is no time
    return max((m if m.tzinfo else m.replace(tzinfo=UTC) for m in moments), default=None)


def _age(dataset: Dataset, silver: Table, now: datetime) -> float | None:
    found = newest_event(dataset, silver)
    return None if found is None else max(0.0, (now - found).total_seconds())


def _nulls(silver: Table, column: str) -> int | None:
    counts = [file.stats.get("nullCount", {}).get(column) for file in silver.files]
    return None if any(count is None for count in counts) else sum(counts)


def _share(part: int | None, rows: int) -> float | None:
    return None if part is None or not rows else part / rows


def _complete(nulls: Sequence[int | None], rows: int) -> float | None:
    known = [count for count in nulls if count is not None]
    return 1 - max(known) / rows if known and rows else None


def _of_source(dataset: Dataset, lake: Lake, silver: Table) -> float | None:
    """Rows of those that the source held when bronze was read; what waits in quarantine is missing here."""
    if not dataset.counted or dataset.history:
        return None
    consumed = last_progress(lake, silver.key, silver.version).get("consumed", {}).get(dataset.table("bronze"))
    loaded = last_progress(lake, dataset.table("bronze"), consumed) if consumed is not None else {}
    return _share(silver.rows, loaded.get("total_keys") or 0)


def _coverage(dataset: Dataset, lake: Lake) -> float:
    """Columns captured of those the source has, as far as loads have met any that nobody declared."""
    known = set(declared_columns(dataset))
    met = {e.change.removeprefix("added: ") for e in drift_events(lake, dataset.name) if e.change.startswith("added: ")}
    return len(known) / len(known | met) if known else 1.0
