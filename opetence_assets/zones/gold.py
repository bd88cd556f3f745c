"""The gold assets: one step builds all models, checks them, and publishes a release only if everything passed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets
from dagster_dbt.asset_utils import get_asset_check_key_for_test
from pydantic import Field

from opetence_assets.dataset import Dataset, Window
from opetence_assets.lake.places import Lake
from opetence_assets.lake.releases import current_release
from opetence_assets.lake.tables import open_table
from opetence_assets.lake.verdicts import refused
from opetence_assets.resources import Platform
from opetence_assets.zones.translation import GoldTranslator


class Rebuild(dg.Config):
    """Which days of the daily tables to rebuild; nothing set rebuilds those that changed."""

    rebuild_from: str | None = Field(None, description="first day to rebuild, YYYY-MM-DD")
    rebuild_to: str | None = Field(None, description="day after the last one to rebuild, YYYY-MM-DD")

    def window(self) -> Window | None:
        if not self.rebuild_from:
            return None
        start = datetime.fromisoformat(self.rebuild_from).replace(tzinfo=UTC)
        end = datetime.fromisoformat(self.rebuild_to).replace(tzinfo=UTC) if self.rebuild_to else start + timedelta(days=1)
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
        with build(
            lake, settings, scratch=settings.scratch, sources=silver, since=since, rebuild=config.window()
        ) as built:
            yield from _checked(built, manifest, translator)
            if not built.passed:
                raise dg.Failure(
                    f"gold: {len(built.failed)} checks failed ({', '.join(built.failed[:5])}); allowed: none. "
                    f"The last good release stays ({since.number if since else 'none yet'}). Next: opetence status",
                    allow_retries=False,
                )
            release = publish(built, lake, others={**pinned(datasets, lake, "bronze"), **pinned(datasets, lake, "quarantine")})
        context.log.info("release %s is current", release.number)
        for model in built.models:
            table = open_table(lake, f"gold/{model.name}", release.versions[f"gold/{model.name}"])
            assert table is not None
            yield dg.MaterializeResult(
                asset_key=dg.AssetKey(["gold", model.name]),
                metadata={
                    "dagster/row_count": table.rows,
                    "dagster/uri": f"{lake.uri}/gold/{model.name}",
                    "lake_version": table.version,
                    "release": release.number,
                    "build_seconds": model.seconds,
                    "days_rebuilt": model.days_rebuilt,
                },
            )

    return gold


def pinned(datasets: tuple[Dataset, ...], lake: Lake, zone: str) -> dict[str, int]:
    """The newest version of each dataset's table in a zone."""
    tables = (open_table(lake, dataset.table(zone)) for dataset in datasets)
    return {table.key: table.version for table in tables if table is not None}


def _refuse_unchecked(lake: Lake, silver: dict[str, int]) -> None:
    reasons = [reason for key, version in silver.items() for reason in refused(lake, key, version)]
    if reasons:
        raise dg.Failure(
            f"gold: {len(reasons)} blocking checks of silver stand in the way: {'; '.join(reasons[:5])}. "
            "The last good release stays. Next: repair the source or the declaration, then opetence run",
            allow_retries=False,
        )


def _checked(built: Any, manifest: Path, translator: GoldTranslator) -> Iterator[dg.AssetCheckResult]:
    loaded = _manifest(manifest)
    for test in built.tests:
        key = get_asset_check_key_for_test(loaded, translator, test.unique_id, project=None)
        if key is None:
            continue
        severity = dg.AssetCheckSeverity.ERROR if test.severity == "error" else dg.AssetCheckSeverity.WARN
        found = test.message or ("holds" if test.passed else f"{test.failures} rows fail")
        yield dg.AssetCheckResult(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=test.passed,
            severity=severity,
            description=found,
            metadata={"found": found, "failures": test.failures or 0, "seconds": test.seconds},
        )


@cache
def _manifest(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())
