"""Sensors of dropped files and of changed source tables. Both read a fingerprint, never the data."""

import json
from collections.abc import Sequence
from typing import Any, cast

import dagster as dg

from opetence_assets.dataset import DailyFeed, DataError, Dataset
from opetence_assets.resources import Platform

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
FILES_EVERY, TABLES_EVERY, CONDITIONS_EVERY = 5, 30, 5  # seconds; a look at a folder listing or a counter costs ~1 ms


def dropped_files(datasets: Sequence[Dataset]) -> dg.SensorDefinition:
    """Requests bronze and silver of every dataset whose drop folder has changed, for the days of its files."""
    daily = [dataset for dataset in datasets if dataset.feed.since]

    @dg.sensor(
        name="dropped_files",
        description="A partner's file appeared or was replaced in the drop folder.",
        asset_selection=_selection(daily),
        minimum_interval_seconds=FILES_EVERY,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def sensor(context: dg.SensorEvaluationContext, platform: Platform) -> dg.SensorResult:
        seen, requests = _seen(context), list[dg.RunRequest]()
        for dataset in daily:
            before = seen.get(dataset.name, {})
            now = cast(DailyFeed, dataset.feed).waiting_by_day(platform.settings)
            changed = sorted(day for day, fingerprint in now.items() if before.get(day) != fingerprint)
            if changed:
                days = {RANGE_START: changed[0], RANGE_END: changed[-1]}
                requests.append(dg.RunRequest(asset_selection=_keys(dataset), tags={**days, "cause": "dropped file"}))
            seen[dataset.name] = now
        return dg.SensorResult(run_requests=requests, cursor=json.dumps(seen))

    return sensor


def changed_tables(datasets: Sequence[Dataset]) -> dg.SensorDefinition:
    """Requests bronze and silver of every table whose counters of inserts, updates or deletes have moved."""
    tables = [dataset for dataset in datasets if not dataset.feed.since]

    @dg.sensor(
        name="changed_tables",
        description="Rows were inserted, updated or deleted in a source table.",
        asset_selection=_selection(tables),
        minimum_interval_seconds=TABLES_EVERY,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def sensor(context: dg.SensorEvaluationContext, platform: Platform) -> dg.SensorResult | dg.SkipReason:
        seen, changed = _seen(context), list[Dataset]()
        for dataset in tables:
            try:
                now = dataset.feed.fingerprint(dataset, platform.settings)
            except DataError as error:
                return dg.SkipReason(str(error))
            if seen.get(dataset.name) != now:
                changed.append(dataset)
            seen[dataset.name] = now
        keys = [key for dataset in changed for key in _keys(dataset)]
        requests = [dg.RunRequest(asset_selection=keys, tags={"cause": "changed table"})] if keys else []
        return dg.SensorResult(run_requests=requests, cursor=json.dumps(seen))

    return sensor


def carry_on() -> dg.AutomationConditionSensorDefinition:
    """Evaluates the assets' own conditions: silver follows bronze, gold follows silver that passed its checks."""
    return dg.AutomationConditionSensorDefinition(
        "carry_on",
        target=dg.AssetSelection.all(),
        minimum_interval_seconds=CONDITIONS_EVERY,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )


def _keys(dataset: Dataset) -> list[dg.AssetKey]:
    return [dg.AssetKey(dataset.table(zone).split("/")) for zone in ("bronze", "silver")]


def _selection(datasets: Sequence[Dataset]) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*(key for dataset in datasets for key in _keys(dataset)))


def _seen(context: dg.SensorEvaluationContext) -> dict[str, Any]:
    return json.loads(context.cursor) if context.cursor else {}
