"""Datasets × zones → Definitions. No logic: a dataset is here because its file exists."""

from __future__ import annotations

import warnings

import dagster as dg

from opetence_assets.automation.schedules import (
    backup_schedules,
    collection_round,
    copies_round,
    drill_schedules,
    hourly_round,
)
from opetence_assets.automation.sensors import carry_on, changed_tables, dropped_files
from opetence_assets.backup.assets import backup_asset, collection_asset, copies_asset, production_asset
from opetence_assets.backup.copies import policy_for
from opetence_assets.backup.drill_assets import SAYS, drill_asset, drill_checks
from opetence_assets.checks.assets import bronze_checks, silver_checks
from opetence_assets.checks.rejudging import failing_checks
from opetence_assets.datasets import all_datasets
from opetence_assets.lineage.columns import column_graph
from opetence_assets.postgres.address import production_uri
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
_settings = read_settings()
_manifest = ensure_manifest(_settings)
_columns = column_graph(_manifest, _datasets)
_gold = gold_assets(_datasets, _manifest, _columns)
_bronze, _silver = [bronze_asset(d, _columns) for d in _datasets], [silver_asset(d, _columns) for d in _datasets]
_quarantine, _judged = [quarantine_asset(d) for d in _datasets], [silver_checks(d) for d in _datasets]
_syncs = [spec for d in _datasets for spec in sync_specs(d)]
_people = exposure_specs(_manifest)
_policy = policy_for(_settings, _datasets)
_rules = {name: rule for name, rule in _policy.zones.items() if name != "production" or production_uri(_settings)}
_backups = {
    name: production_asset(rule) if name == "production" else backup_asset(rule, RELEASE)
    for name, rule in _rules.items()
}
_periods = {
    every: dg.AssetSelection.assets(*(_backups[name].key for name, rule in _rules.items() if rule.every == every))
    for every in dict.fromkeys(rule.every for rule in _rules.values())
}
_copies, _collection = copies_asset(_policy, [backup.key for backup in _backups.values()]), collection_asset(_policy)
_drilled = [name for name in SAYS if name != "production" or name in _rules]
_overdue = [drill_checks(name) for name in _drilled]
_read = [d.name.replace("/", ".") for d in _datasets if d.feed.kind == "postgres"]
_drills = {name: drill_asset(name, _policy, failing_checks(_datasets), _read) for name in _drilled}
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
        *_backups.values(),
        _copies,
        _collection,
        *_drills.values(),
    ],
    asset_checks=[*(bronze_checks(d) for d in _datasets), *_judged, *_overdue],
    jobs=[replay_job(_datasets, _judged)],
    sensors=[dropped_files(_datasets), changed_tables(_datasets), carry_on()],
    schedules=[
        hourly_round(dg.AssetSelection.assets(*_tables, *_gold.keys)),
        *backup_schedules(_periods),
        copies_round(dg.AssetSelection.assets(_copies)),
        collection_round(dg.AssetSelection.assets(_collection) | dg.AssetSelection.checks(*_overdue)),
        *drill_schedules({name: dg.AssetSelection.assets(asset.key) for name, asset in _drills.items()}),
    ],
    resources={"platform": Platform()},
    executor=dg.in_process_executor,  # measured: 0.05 CPU-s a step against 5-6 for a process each
)
