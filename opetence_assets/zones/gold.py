"""The gold assets: one step builds all models, checks them, and publishes a release only if everything passed."""

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_dbt import dbt_assets
from pydantic import Field

from opetence_assets.dataset import Dataset, Window
from opetence_assets.lake.places import Lake
from opetence_assets.lake.releases import Release, current_release
from opetence_assets.lake.tables import open_table
from opetence_assets.lake.verdicts import CheckResult, record, refused
from opetence_assets.resources import Platform
from opetence_assets.zones.specs import row_metadata
from opetence_assets.zones.translation import GoldTranslator

if TYPE_CHECKING:
    from opetence_assets.warehouse.build import GoldBuild


class Rebuild(dg.Config):
    """Which days of the daily tables to rebuild; nothing set rebuilds those that changed."""

    rebuild_from: str | None = Field(None, description="first day to rebuild, YYYY-MM-DD")
    rebuild_to: str | None = Field(None, description="day after the last one to rebuild, YYYY-MM-DD")

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


def gold_assets(datasets: tuple[Dataset, ...], manifest: Path) -> dg.AssetsDefinition:
    """Every dbt model as one multi-asset: a release is all of them or none."""
    translator = GoldTranslator()

    @dbt_assets(manifest=manifest, dagster_dbt_translator=translator, name="gold", pool="gold")
    def gold(context: dg.AssetExecutionContext, config: Rebuild, platform: Platform) -> Iterator[Any]:
        from opetence_assets.warehouse.build import build
        from opetence_assets.warehouse.publish import publish

        lake, settings = platform.lake, platform.settings
        silver = pinned(datasets, lake, "silver")
        _refuse_unchecked(lake, silver)
        since = current_release(lake)
        built = build(lake, settings, scratch=settings.scratch, sources=silver, since=since, rebuild=config.window())
        try:
            yield from _checked(built, context.selected_asset_check_keys)
            if not built.passed:
                raise dg.Failure(
                    f"gold: found {len(built.failed)} failures ({'; '.join(built.failed[:5])}); allowed: none. "
                    f"The last good release stays ({since.number if since else 'none yet'}). Next: opetence status",
                    allow_retries=False,
                )
            others = {**pinned(datasets, lake, "bronze"), **pinned(datasets, lake, "quarantine")}
            release = publish(built, lake, others=others)
        finally:
            built.close()
        _record_verdicts(built, lake, release)
        context.log.info("release %s is current", release.number)
        done = {result.asset_key: result for result in _materialized(built, lake, release)}
        yield from (done[key] for key in _in_order(context.assets_def) if key in done)

    return gold


def pinned(datasets: tuple[Dataset, ...], lake: Lake, zone: str) -> dict[str, int]:
    """The newest version of each dataset's table in a zone."""
    tables = (open_table(lake, dataset.table(zone)) for dataset in datasets)
    return {table.key: table.version for table in tables if table is not None}


def _materialized(built: "GoldBuild", lake: Lake, release: Release) -> Iterator[dg.MaterializeResult[Any]]:
    for run in built.model_runs:
        model = built.models[run.name]
        days = built.days.get(run.name)
        more = {
            "release": release.number,
            "build_seconds": run.seconds,
            **({"days_rebuilt": len(days)} if days is not None else {}),
        }
        metadata: dict[str, Any] = more
        if model.published:
            table = open_table(lake, model.table, release.versions[model.table])
            assert table is not None
            metadata = row_metadata(table.rows, f"{lake.uri}/{model.table}", table.version, more)
        yield dg.MaterializeResult(asset_key=dg.AssetKey(["gold", run.name]), metadata=metadata)


def _in_order(assets: dg.AssetsDefinition) -> Iterable[dg.AssetKey]:
    """Every model after those it reads, as Dagster asks for; dbt ends them in any order that its threads like."""
    return TopologicalSorter({spec.key: [dep.asset_key for dep in spec.deps] for spec in assets.specs}).static_order()


def _record_verdicts(built: "GoldBuild", lake: Lake, release: Release) -> None:
    """dbt's tests by model, so that ``opetence status`` tells them apart from the orchestrator's history."""
    for model in built.models.values():
        if model.published:
            runs = [run for run in built.check_runs if run.model == model.name]
            results = [
                CheckResult(r.name, r.status == "pass", r.severity == "error", r.message, "0 rows") for r in runs
            ]
            record(lake, model.table, release.versions[model.table], results)


def _refuse_unchecked(lake: Lake, silver: dict[str, int]) -> None:
    reasons = [reason for key, version in silver.items() for reason in refused(lake, key, version)]
    if reasons:
        raise dg.Failure(
            f"gold: {len(reasons)} blocking checks of silver stand in the way: {'; '.join(reasons[:5])}. "
            "The last good release stays. Next: repair the source or the declaration, then opetence run",
            allow_retries=False,
        )


def _checked(built: "GoldBuild", known: Collection[dg.AssetCheckKey]) -> Iterator[dg.AssetCheckResult]:
    for run in built.check_runs:
        key = dg.AssetCheckKey(dg.AssetKey(["gold", run.model]), run.name)
        if key not in known:
            continue  # a unit test: it judges the model's SQL, not data
        severity = dg.AssetCheckSeverity.ERROR if run.severity == "error" else dg.AssetCheckSeverity.WARN
        found = run.message or ("holds" if run.status == "pass" else f"{run.failures:,} rows fail")
        yield dg.AssetCheckResult(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=run.status == "pass",
            severity=severity,
            description=found,
            metadata={"found": found, "failures": run.failures, "seconds": run.seconds},
        )
