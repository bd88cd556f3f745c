"""What is measured, as declared: every metric with its type, formula and unit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.quality.across import SHARE, ZONES, is_counted_by_day
from opetence_assets.quality.coverage import OF_DAY
from opetence_assets.quality.figures import event_column, nullable
from opetence_assets.refinement.shape import silver_types


@dataclass(frozen=True)
class Metric:
    """A figure of one table, by day or of the whole of it."""

    metric_type: str  # volume, completeness, uniqueness, distribution, timeliness
    metric_name: str
    formula: str
    unit: str
    table_name: str  # lake key
    source_system: str
    domain: str  # who owns the data
    by_day: bool


def metrics_of(dataset: Dataset) -> tuple[Metric, ...]:
    """Everything that is measured of a dataset's silver table, derived from its declaration."""
    whole = [
        _metric(dataset, "volume", "rows", "count(*)", "rows"),
        *(_null_rate(dataset, name) for name in nullable(dataset)),
        _metric(dataset, "completeness", "quarantined", "rows waiting in quarantine", "rows"),
        _metric(dataset, "uniqueness", "duplicates", "rows of the last load that were older or the same", "rows"),
        _metric(dataset, "completeness", "key_completeness", "rows whose whole key is there / rows", "share"),
        _metric(dataset, "completeness", "source_coverage", "columns captured / columns at the source", "share"),
    ]
    if dataset.counted and not dataset.history:
        whole.append(_metric(dataset, "completeness", "record_completeness", "rows / keys at the source", "share"))
    if dataset.cursor or event_column(dataset):
        whole.append(_metric(dataset, "timeliness", "age", "measured at - newest event or cursor", "seconds"))
    if dataset.cursor:
        late = f"of the rows loaded since: loaded at - {dataset.cursor}"
        whole += [_metric(dataset, "timeliness", f"latency_{p}", f"{p} {late}", "seconds") for p in ("p50", "p95")]
        late = f"of the rows new in a release: its moment - {dataset.cursor}"
        whole += [
            _metric(dataset, "timeliness", f"release_latency_{p}", f"{p} {late}", "seconds") for p in ("p50", "p95")
        ]
    if event_column(dataset) is None:
        return tuple(whole)
    days = [
        _metric(dataset, "volume", "rows", "count(*)", "rows", by_day=True),
        _metric(dataset, "completeness", OF_DAY, "rows / median of that weekday in eight weeks", "share", by_day=True),
        *(_null_rate(dataset, name, by_day=True) for name in nullable(dataset)),
        *(_figure(dataset, kind, name) for name in dataset.watch.figures for kind in ("sum", "mean", "std")),
        *(
            _metric(dataset, "uniqueness", f"distinct({name})", f"count(distinct {name})", "values", by_day=True)
            for name in dataset.watch.distinct
        ),
    ]
    if silver_types(dataset)[event_column(dataset) or ""] != pl.Date:
        middle = f"circular mean of the time of day of {event_column(dataset)}, UTC"
        days.append(_metric(dataset, "timeliness", "hour", middle, "hours", by_day=True))
    if is_counted_by_day(dataset):
        days += _across(dataset)
    history = _metric(dataset, "completeness", "days_present", "days with rows / days expected by weekday", "share")
    return (*whole, history, *days)


def _across(dataset: Dataset) -> list[Metric]:
    """What is counted of the last days wherever rows lie."""
    counts = [_metric(dataset, "volume", name, "count(distinct key)", "rows", by_day=True) for name in ZONES]
    share = "(silver_rows + refused_rows) / source_rows"
    return [*counts, _metric(dataset, "completeness", SHARE, share, "share", by_day=True)]


def definitions(datasets: Iterable[Dataset], marts: Iterable[Metric] = ()) -> pl.DataFrame:
    """One row a metric, in order of table and name; ``marts``: those of gold's own tables."""
    rows = [asdict(metric) for dataset in datasets for metric in metrics_of(dataset)] + [asdict(m) for m in marts]
    return pl.DataFrame(rows).sort("table_name", "by_day", "metric_name", "formula")


def described(dataset: Dataset) -> pl.DataFrame:
    """Type, formula and system of each metric name, to be joined to what was measured."""
    rows = {metric.metric_name: asdict(metric) for metric in metrics_of(dataset)}
    names = ("metric_type", "metric_name", "formula", "source_system", "domain")
    return pl.DataFrame(list(rows.values())).select(names)


def _null_rate(dataset: Dataset, column: str, *, by_day: bool = False) -> Metric:
    formula = f"rows where {column} is null / rows"
    return _metric(dataset, "completeness", f"null_rate({column})", formula, "share", by_day=by_day)


def _figure(dataset: Dataset, kind: str, column: str) -> Metric:
    return _metric(dataset, "distribution", f"{kind}({column})", f"{kind}({column})", column, by_day=True)


def _metric(dataset: Dataset, kind: str, name: str, formula: str, unit: str, *, by_day: bool = False) -> Metric:
    return Metric(kind, name, formula, unit, dataset.table("silver"), dataset.feed.system, dataset.owner, by_day)
