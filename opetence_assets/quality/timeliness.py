"""How long rows are under way: from their change at the source to bronze, and to the release that shows them.

Never of a first version: its rows are a past that was loaded, not news. In the sandbox the story's clock is not the
loads', so that there the figures say how far the story lies back.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.lake.places import Lake
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.releases import Release
from opetence_assets.lake.tables import Table, open_table
from opetence_assets.quality.history import RECORD_TYPES, Run, keep, recorded, task_of

RELEASE = "release"  # what waits under this name was measured of a release, not of a table
SHARES = {"p50": 0.5, "p95": 0.95}


def latency(dataset: Dataset, lake: Lake, silver: Table, since: int | None) -> dict[str, float]:
    """``latency_p50`` and ``_p95`` in seconds, source to bronze, of the rows that silver took in since a version."""
    news = _news(dataset, lake, silver.version, since)
    return {} if news is None else _quantiles(news, dataset, pl.col("_loaded_at"), "latency")


def measure_release(
    datasets: Iterable[Dataset], lake: Lake, before: Release | None, made: Release, run: Run | None = None
) -> bool:
    """Leaves ``release_latency_p50`` and ``_p95`` (source to the moment of the release, by table) for the next one.

    Of the rows that came with this release. False where none did, or it was measured before.
    """
    if before is None or made.number == before.number:
        return False
    found: list[pl.DataFrame] = []
    for dataset in datasets:
        key = dataset.table("silver")
        since, until = before.versions.get(key), made.versions.get(key)
        news = _news(dataset, lake, until, since) if until is not None and until != since else None
        if news is None:
            continue
        told = _quantiles(news, dataset, pl.lit(made.created_at), "release_latency")
        if not told:  # a load that only moved its place in the source: production's log moves without a row of ours
            continue
        long = pl.DataFrame({"metric_name": list(told), "value": list(told.values()), "segment": ""})
        found.append(recorded(dataset, key, until or 0, long, made.created_at, run or Run(), zone="gold"))
    rows = pl.concat([pl.DataFrame(schema=RECORD_TYPES), *found])
    task = task_of(RELEASE, made.number, before.number, 0, len(rows), datetime.now(UTC))
    by = {"run_id": run.id if run else "", "run_url": run.url if run else "", "seconds": 0.0}
    return len(rows) > 0 and keep(lake, RELEASE, made.number, rows, {**task, **by})


def _news(dataset: Dataset, lake: Lake, version: int, since: int | None) -> pl.LazyFrame | None:
    """The bronze rows that a silver version took in after another, where the cursor is a time."""
    bronze, silver = dataset.table("bronze"), dataset.table("silver")
    if since is None or dataset.cursor is None:
        return None
    until, after = (last_progress(lake, silver, v).get("consumed", {}).get(bronze) for v in (version, since))
    table = open_table(lake, bronze, until) if until is not None and after is not None and until != after else None
    if table is None or not isinstance(table.scan().collect_schema().get(dataset.cursor), pl.Datetime):
        return None
    return table.new_since(after).scan()


def _quantiles(news: pl.LazyFrame, dataset: Dataset, until: pl.Expr, name: str) -> dict[str, float]:
    seconds = (until - pl.col(dataset.cursor or "")).dt.total_milliseconds() / 1000
    asked = {f"{name}_{label}": seconds.quantile(share) for label, share in SHARES.items()}
    found = news.select(**asked).collect().row(0, named=True)
    return {label: float(value) for label, value in found.items() if value is not None}
