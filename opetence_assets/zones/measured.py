"""The history of what was measured: three tables that belong to every release, beside dbt's models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from opetence_assets.dataset import Dataset
from opetence_assets.lake.places import Lake
from opetence_assets.lake.releases import Release
from opetence_assets.lake.tables import open_table
from opetence_assets.lake.verdicts import record, verdict
from opetence_assets.settings import Settings
from opetence_assets.zones.specs import asset_key, row_metadata, version_of

if TYPE_CHECKING:
    from opetence_assets.quality.marts import Mart
    from opetence_assets.warehouse.build import GoldBuild

_SAYS = {
    "data_quality_metrics": "What is measured of every table: type, formula, unit; derived from the declarations.",
    "data_quality_metric_records": "Every figure ever measured, by table, segment and day; a changed day anew.",
    "data_quality_measurement_tasks": "What was measured when, of which version, by which run.",
}


def measured_specs(datasets: tuple[Dataset, ...]) -> list[dg.AssetSpec]:
    """An asset for each table of the history."""
    return [
        dg.AssetSpec(
            dg.AssetKey(["gold", name]),
            deps=[asset_key(dataset, "silver") for dataset in datasets] if name.endswith("records") else [],
            group_name="gold_quality",
            description=says,
            kinds={"polars", "deltalake"},
            owners=["team:data"],
            tags={"zone": "gold", "domain": "quality", "personal_data": "no"},
        )
        for name, says in _SAYS.items()
    ]


def measured(
    datasets: tuple[Dataset, ...],
    manifest: Mapping[str, Any],
    lake: Lake,
    settings: Settings,
    silver: Mapping[str, int],
    run_id: str,
) -> dict[str, int]:
    """Measures what no check has, takes all measurements into the history and gives the versions for the release."""
    from opetence_assets.quality.history import take_in
    from opetence_assets.quality.marts import mart_metrics
    from opetence_assets.quality.measuring import measure, run_of

    for dataset in datasets:
        table = open_table(lake, key, silver[key]) if (key := dataset.table("silver")) in silver else None
        if table is not None:
            measure(dataset, lake, table, now=settings.now(), run=run_of(run_id, settings))
    metrics = [metric for mart in _marts(manifest) for metric in mart_metrics(mart)]
    versions = take_in(lake, settings.scratch, datasets, metrics)
    for key, version in versions.items():
        if verdict(lake, key, version) is None:
            record(lake, key, version, [])  # figures are judged where they are taken; a release wants it said
    return versions


def measured_build(
    manifest: Mapping[str, Any],
    built: GoldBuild,
    versions: Mapping[str, int],
    lake: Lake,
    settings: Settings,
    run_id: str,
) -> None:
    """Keeps what a build counted by day; ``versions``: of gold as committed, or as people go on reading it."""
    from opetence_assets.quality.marts import measure_build
    from opetence_assets.quality.measuring import run_of

    measure_build(_marts(manifest), lake, built.counted, versions, run_of(run_id, settings))


def _marts(manifest: Mapping[str, Any]) -> list[Mart]:
    from opetence_assets.quality.marts import Mart
    from opetence_assets.warehouse.days import compared_by_day

    return [Mart(*told) for told in compared_by_day(manifest)]


def measured_release(
    datasets: tuple[Dataset, ...], lake: Lake, settings: Settings, before: Release | None, made: Release, run_id: str
) -> None:
    """Measures how long the rows of a release were under way; the next release takes that in."""
    from opetence_assets.quality.measuring import run_of
    from opetence_assets.quality.timeliness import measure_release

    measure_release(datasets, lake, before, made, run_of(run_id, settings))


def measured_results(lake: Lake, versions: Mapping[str, int]) -> Iterator[dg.MaterializeResult[Any]]:
    """A materialization for each table of the history."""
    for key, version in versions.items():
        table = open_table(lake, key, version)
        assert table is not None
        metadata = row_metadata(table.rows, f"{lake.uri}/{key}", version, {})
        yield dg.MaterializeResult(
            asset_key=dg.AssetKey(key.split("/")), metadata=metadata, data_version=version_of(metadata)
        )
