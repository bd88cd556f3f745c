"""Datasets × zones → Definitions. No logic: a dataset is here because its file exists."""

from __future__ import annotations

import warnings

import dagster as dg

from opetence_assets.automation.schedules import hourly_backup, hourly_round, nightly_backup
from opetence_assets.automation.sensors import carry_on, changed_tables, dropped_files
from opetence_assets.backup.assets import ZONES, backup_asset, production_backups
from opetence_assets.checks.assets import bronze_checks, silver_checks
from opetence_assets.datasets import all_datasets
from opetence_assets.lineage.columns import column_graph
from opetence_assets.resources import Platform
from opetence_assets.settings import read_settings
from opetence_assets.warehouse.manifest import ensure_manifest
from opetence_assets.zones.bronze import bronze_asset, source_spec, sync_specs
from opetence_assets.zones.gold import gold_assets
from opetence_assets.zones.quarantine import quarantine_asset, replay_job
from opetence_assets.zones.silver import silver_asset
from opetence_assets.zones.translation import RELEASE, exposure_specs

warnings.filterwarnings("ignore", category=dg.BetaWarning)  # backfill policies: pinned, and tested with each upgrade

_datasets = all_datasets()
_manifest = ensure_manifest(read_settings())
_columns = column_graph(_manifest, _datasets)
_gold = gold_assets(_datasets, _manifest, _columns)
_bronze, _silver = [bronze_asset(d, _columns) for d in _datasets], [silver_asset(d, _columns) for d in _datasets]
_quarantine, _judged = [quarantine_asset(d) for d in _datasets], [silver_checks(d) for d in _datasets]
_syncs = [spec for d in _datasets for spec in sync_specs(d)]
_people = exposure_specs(_manifest)
_backups = [backup_asset(zone, RELEASE, max(d.backup.keep_days for d in _datasets)) for zone in ZONES]
_production = production_backups(read_settings())
_tables = [
    asset.key
    for d, pair in zip(_datasets, zip(_bronze, _silver, strict=True), strict=True)
    if not d.feed.since
    for asset in pair
]

defs = dg.Definitions(
    assets=[
        *(source_spec(d) for d in _datasets),
        *_syncs,
        *_bronze,
        *_silver,
        *_quarantine,
        _gold,
        *_people,
        *_backups,
        *_production,
    ],
    asset_checks=[*(bronze_checks(d) for d in _datasets), *_judged],
    jobs=[replay_job(_datasets, _judged)],
    sensors=[dropped_files(_datasets), changed_tables(_datasets), carry_on()],
    schedules=[
        hourly_round(dg.AssetSelection.assets(*_tables, *_gold.keys)),
        nightly_backup(ZONES),
        *map(hourly_backup, _production),
    ],
    resources={"platform": Platform()},
    executor=dg.in_process_executor,  # measured: 0.05 CPU-s a step against 5-6 for a process each
)
