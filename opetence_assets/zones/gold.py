"""The gold assets: one step builds all models, checks them, and publishes a release only if everything passed."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from opetence_assets.dataset import Dataset, Window
from opetence_assets.lake.places import Lake
from opetence_assets.lake.releases import Gated, Release, current_release, is_held, refuse_failing
from opetence_assets.lake.tables import open_table
from opetence_assets.lineage.graph import Graph
from opetence_assets.lineage.policy import gold_leaks, refuse_leaks
from opetence_assets.privacy.messages import errors_without_values
from opetence_assets.resources import Platform
from opetence_assets.zones.measured import measured, measured_build, measured_release, measured_results, measured_specs
from opetence_assets.zones.outcome import checked, materialized
from opetence_assets.zones.specs import asset_key
from opetence_assets.zones.translation import RELEASE, gold_specs, silver_is_news


class Rebuild(dg.Config):
    """Which days of the daily tables to rebuild (nothing set: those that changed), and whether readers get it now."""

    rebuild_from: str | None = Field(None, description="first day to rebuild, YYYY-MM-DD")
    rebuild_to: str | None = Field(None, description="day after the last one to rebuild, YYYY-MM-DD")
    hold: bool = Field(False, description="make a candidate, to be compared and promoted by hand, not a release")

    def window(self) -> Window | None:
        if not self.rebuild_from:
            return None
        start = datetime.fromisoformat(self.rebuild_from).replace(tzinfo=UTC)
        end = (
            datetime.fromisoformat(self.rebuild_to).replace(tzinfo=UTC)
            if self.rebuild_to
            else start + timedelta(days=1)
        )
        return Window(start, end)


def gold_assets(datasets: tuple[Dataset, ...], manifest: Path, columns: Graph) -> dg.AssetsDefinition:
    """Every dbt model and the release they make, as one step: all of them or none."""
    specs, checks = gold_specs(manifest, columns)
    condition = silver_is_news([asset_key(dataset, "silver") for dataset in datasets])
    specs = [spec.replace_attributes(automation_condition=condition) if spec.key == RELEASE else spec for spec in specs]
    specs += measured_specs(datasets)

    @dg.multi_asset(name="gold", specs=specs, check_specs=checks, pool="gold", allow_arbitrary_check_specs=True)
    def gold(context: dg.AssetExecutionContext, config: Rebuild, platform: Platform) -> Iterator[Any]:
        from opetence_assets.review.description import describe, keep
        from opetence_assets.warehouse.build import build
        from opetence_assets.warehouse.publish import committed, publish, set_aside

        lake, settings = platform.lake, platform.settings
        silver = pinned(datasets, lake, "silver")
        _refuse_early(lake, silver)
        parsed = json.loads(manifest.read_bytes())
        refuse_leaks("gold", gold_leaks(parsed, columns, datasets))
        since = current_release(lake)
        with errors_without_values("gold"):
            built = build(
                lake, settings, scratch=settings.scratch, sources=silver, since=since, rebuild=config.window()
            )
        try:
            yield from checked(built, lake, context.selected_asset_check_keys)
            if not built.passed:
                measured_build(parsed, built, since.versions if since else {}, lake, settings, context.run.run_id)
                raise dg.Failure(
                    f"gold: found {len(built.failed)} failures ({'; '.join(built.failed[:5])}); allowed: none. "
                    f"The last good release stays ({since.number if since else 'none yet'}). Next: opetence status",
                    allow_retries=False,
                )
            others = {**pinned(datasets, lake, "bronze"), **pinned(datasets, lake, "quarantine")}
            with errors_without_values("gold"):
                versions = committed(built, lake)
                measured_build(parsed, built, versions, lake, settings, context.run.run_id)
                history = measured(datasets, parsed, lake, settings, silver, context.run.run_id)
                others, hold = {**others, **history}, config.hold or is_held(since)
                declared = keep(lake, describe(parsed, datasets, columns))
                made = (set_aside if hold else publish)(built, lake, others=others, declared=declared, gold=versions)
        finally:
            built.close()
        if isinstance(made, Release):
            measured_release(datasets, lake, settings, since, made, context.run.run_id)
        context.log.info("candidate %s waits" if hold else "release %s is current", made.number)
        results = [*measured_results(lake, history), *materialized(built, lake, made)]
        done = {result.asset_key: result for result in results}
        yield from (done[key] for key in _in_order(context.assets_def) if key in done)

    return gold


def pinned(datasets: tuple[Dataset, ...], lake: Lake, zone: str) -> dict[str, int]:
    """The newest version of each dataset's table in a zone."""
    tables = (open_table(lake, dataset.table(zone)) for dataset in datasets)
    return {table.key: table.version for table in tables if table is not None}


def _in_order(assets: dg.AssetsDefinition) -> Iterable[dg.AssetKey]:
    """Every model after those it reads, as Dagster asks for; dbt ends them in any order that its threads like."""
    return TopologicalSorter({spec.key: [dep.asset_key for dep in spec.deps] for spec in assets.specs}).static_order()


def _refuse_early(lake: Lake, silver: dict[str, int]) -> None:
    """What could not be released is not built either; that costs nothing, the gate itself is the release's."""
    try:
        refuse_failing(lake, silver)
    except Gated as gated:
        raise dg.Failure(f"gold: {gated}", allow_retries=False) from None
