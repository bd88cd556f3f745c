"""Sensors of dropped files and of changed source tables: a look reads a fingerprint, never the data."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from time import time
from typing import Any

import dagster as dg

from opetence_assets.dataset import DataError, Dataset
from opetence_assets.ingestion.due import due_days, is_due, is_followed
from opetence_assets.resources import Platform

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
# Seconds; the daemon looks every five at most. A look at a folder costs 0.1 s, one at a source a connection to it.
FILES_EVERY, SOURCES_EVERY, CONDITIONS_EVERY = 1, 5, 1
LOOKS = 120  # at a source while news is expected: at an hourly table every 30 s, at a daily report every 12 min
LONGEST_PAUSE = 900  # seconds: a sheet that is due every month may be mended on any day


def dropped_files(datasets: Sequence[Dataset]) -> dg.SensorDefinition:
    """Requests bronze and silver of every dataset with files that bronze has not taken, for the days of those files."""
    daily = [dataset for dataset in datasets if dataset.feed.since]

    @dg.sensor(
        name="dropped_files",
        description="A partner's file appeared or was replaced in the drop folder.",
        asset_selection=_selection(daily),
        minimum_interval_seconds=FILES_EVERY,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def sensor(context: dg.SensorEvaluationContext, platform: Platform) -> dg.SensorResult:
        seen, requests = _Seen.of(context), list[dg.RunRequest]()
        for dataset in daily:
            if seen.is_news(dataset, dataset.feed.fingerprint(dataset, platform.settings)):
                days = due_days(dataset, platform.lake, platform.settings)
                if days:
                    span = {RANGE_START: days[0].isoformat(), RANGE_END: days[-1].isoformat()}
                    requests.append(
                        dg.RunRequest(asset_selection=_keys(dataset), tags={**span, "cause": "dropped file"})
                    )
                elif is_due(dataset, platform.lake, platform.settings):
                    silver = _keys(dataset)[1:]
                    requests.append(dg.RunRequest(asset_selection=silver, tags={"cause": "silver behind its bronze"}))
        return dg.SensorResult(run_requests=requests, cursor=seen.cursor())

    return sensor


def changed_tables(datasets: Sequence[Dataset]) -> dg.SensorDefinition:
    """Requests bronze and silver of every source that has moved on: counters of a table, a topic's end, a newest event.

    How often a source is looked at follows from how often its declaration expects news: APIs count every question.
    """
    tables = [dataset for dataset in datasets if not dataset.feed.since]

    @dg.sensor(
        name="changed_tables",
        description="A table, topic, collection or API has something new.",
        asset_selection=_selection(tables),
        minimum_interval_seconds=SOURCES_EVERY,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def sensor(context: dg.SensorEvaluationContext, platform: Platform) -> dg.SensorResult:
        seen, changed = _Seen.of(context), list[Dataset]()
        for dataset in tables:
            if not seen.is_time_for(dataset):
                continue
            try:
                now = dataset.feed.fingerprint(dataset, platform.settings)
            except DataError as error:  # one source that is down keeps none of the others waiting
                context.log.warning(str(error))
                continue
            # What is followed is in the lake by now: its run tells the orchestrator, and what comes after it.
            if seen.is_news(dataset, now) and (
                is_followed(dataset) or is_due(dataset, platform.lake, platform.settings)
            ):
                changed.append(dataset)
        keys = [key for dataset in changed for key in _keys(dataset)]
        requests = [dg.RunRequest(asset_selection=keys, tags={"cause": "changed table"})] if keys else []
        return dg.SensorResult(run_requests=requests, cursor=seen.cursor())

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


@dataclass
class _Seen:
    """The state each source was last looked at in: what is due is asked for once a state, not at every look.

    The lake says what is due. This only keeps a run that fails from being asked for again every few seconds; after an
    hour, or when the platform starts again, what is still due is.
    """

    states: dict[str, list[Any]]  # dataset → fingerprint, hour, process
    looked: dict[str, float]  # dataset → when its source was last looked at, seconds since 1970

    @classmethod
    def of(cls, context: dg.SensorEvaluationContext) -> "_Seen":
        kept = json.loads(context.cursor) if context.cursor else {}
        return cls(kept.get("states", {}), kept.get("looked", {}))

    def is_time_for(self, dataset: Dataset) -> bool:
        """Whether the source may be asked again; if so, that it is."""
        pause = min(dataset.freshness.every.total_seconds() / LOOKS, LONGEST_PAUSE)
        if 0 <= time() - self.looked.get(dataset.name, 0.0) < pause:
            return False
        self.looked[dataset.name] = time()
        return True

    def is_news(self, dataset: Dataset, fingerprint: str) -> bool:
        now = [fingerprint, int(time() // 3600), os.getpid()]
        news = self.states.get(dataset.name) != now
        self.states[dataset.name] = now
        return news

    def cursor(self) -> str:
        return json.dumps({"states": self.states, "looked": self.looked})
