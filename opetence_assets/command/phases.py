"""The phases of a run, each one orchestrated run in this process, so that the UI has its history."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from opetence_assets.settings import Settings

if TYPE_CHECKING:
    from opetence_assets.dataset import Dataset
    from opetence_assets.lake.places import Lake

Bars = Callable[[str, int, int], None]
GOLD = "gold"  # may be selected beside datasets


@dataclass(frozen=True)
class Phase:
    """Assets (as lake keys) to materialize together, of one partition or range of partitions if they have any."""

    name: str
    keys: Sequence[str]
    tags: dict[str, str] = field(default_factory=dict[str, str])
    partition: str | None = None
    config: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])  # by lake key


@dataclass(frozen=True)
class Asked:
    """What a run is asked for.

    Attributes:
        select: names of datasets, or ``gold``; nothing: all, as far as there is something to do.
        reload: read the sources whole again.
        remake: make silver and quarantine anew from all of bronze, as declared now.
        hold: leave gold as a candidate.
        rebuild_from: first day of gold to build again, up to ``rebuild_to`` (None: that one day).
    """

    select: tuple[str, ...] = ()
    reload: bool = False
    hold: bool = False
    rebuild_from: date | None = None
    rebuild_to: date | None = None
    remake: bool = False

    @property
    def gold(self) -> dict[str, Any]:
        """The configuration of gold's step."""
        days = {"rebuild_from": self.rebuild_from, "rebuild_to": self.rebuild_to}
        said = {name: day.isoformat() for name, day in days.items() if day is not None}
        return {**said, **({"hold": True} if self.hold else {})}


@dataclass
class Outcome:
    """What a run did: seconds and failures by phase."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])
    failures: list[str] = field(default_factory=list[str])
    checks_passed: int = 0
    checks_failed: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])  # failed checks that block nothing

    @property
    def succeeded(self) -> bool:
        return not self.failures


def run_phases(settings: Settings, asked: Asked, bars: Bars) -> Outcome:
    """Runs every phase that has something to do. A source that is down keeps its own tables as they are, no others:
    gold is built of the newest silver that passed its checks, and refuses what did not.
    """
    import dagster as dg

    from opetence_assets.automation.launcher import bury_dead

    outcome = Outcome()
    started = time.perf_counter()
    bars("definitions", 0, 1)
    from opetence_assets import definitions

    outcome.seconds["definitions"] = time.perf_counter() - started
    bars("definitions", 1, 1)
    with dg.DagsterInstance.get() as instance:
        bury_dead(instance)
        for phase in phases(settings, asked):  # lazily: a later phase is due only once the earlier ones are done
            _run(phase, definitions.defs, instance, outcome, bars)
    return outcome


def phases(settings: Settings, asked: Asked) -> Iterator[Phase]:
    """Files by the day, tables by watermark, gold, backups; each only if it is due when its turn comes."""
    from opetence_assets.datasets import all_datasets, dataset_named
    from opetence_assets.lake.places import lake_at
    from opetence_assets.lake.releases import current_release

    lake = lake_at(settings)
    chosen = [dataset_named(name) for name in asked.select if name != GOLD]
    chosen = chosen if asked.select else list(all_datasets())
    for dataset in chosen:
        if dataset.feed.since is not None and not asked.remake:
            yield from _files(dataset, lake, settings)
    if asked.remake:
        yield _remade(chosen, reload=asked.reload)
    tables = (
        []
        if asked.remake
        else [d for d in chosen if d.feed.since is None and (asked.reload or _is_due(d, lake, settings))]
    )
    if tables:
        config = {d.table("bronze"): {"full": True} for d in tables} if asked.reload else {}
        yield Phase("tables", [d.table(zone) for d in tables for zone in ("bronze", "silver")], config=config)
    if asked.rebuild_from or GOLD in asked.select or _gold_is_due(lake, settings):
        yield Phase(GOLD, [GOLD], config={GOLD: asked.gold} if asked.gold else {})
    yield from _backups(settings, released=current_release(lake) is not None)


def _remade(chosen: Sequence[Dataset], *, reload: bool) -> Phase:
    """Silver anew; before it the sources whole, where bronze does not hold what is needed."""
    zones = ("bronze", "silver") if reload else ("silver",)
    keys = [dataset.table(zone) for dataset in chosen for zone in zones]
    return Phase("rebuild", keys, config={key: {"full": True} for key in keys})


def _backups(settings: Settings, *, released: bool) -> Iterator[Phase]:
    """Production's hour if it has none yet, the running day's backups, the week's archive, the copies of them, and a
    restore drill a day."""
    from opetence_assets.backup.copies import policy_for, store_of
    from opetence_assets.backup.drills import drills
    from opetence_assets.backup.hourly import is_due
    from opetence_assets.backup.manifests import manifest_paths
    from opetence_assets.backup.partitions import partition_of

    policy, now = policy_for(settings), datetime.now(UTC)
    if is_due(settings, hour := partition_of("hour", now)):
        yield Phase("production", ["backup/production"], partition=hour)
    if not released:
        return
    daily = [f"backup/{rule.name}" for rule in policy.zones.values() if rule.every == "day"]
    yield Phase("backup", daily, partition=partition_of("day", now))
    weekly = [rule.name for rule in policy.zones.values() if rule.every == "week"]
    week = partition_of("week", now)
    if missing := [f"backup/{name}" for name in weekly if not manifest_paths(store_of(settings), name, week)]:
        yield Phase("archive", missing, partition=week)
    yield Phase("copies", ["backup/copies", "backup/collection"])
    done = drills(store_of(settings), "partition")
    if not done or now - done[-1].at > timedelta(days=1):
        yield Phase("drill", ["drills/partition"])


def _is_due(dataset: Dataset, lake: Lake, settings: Settings) -> bool:
    """Whether a table has something to do; one whose source does not answer has, so that its step says why."""
    from opetence_assets.dataset import DataError
    from opetence_assets.ingestion.due import is_due

    try:
        return is_due(dataset, lake, settings)
    except DataError:
        return True


def _files(dataset: Dataset, lake: Lake, settings: Settings) -> Iterator[Phase]:
    from opetence_assets.automation.sensors import RANGE_END, RANGE_START
    from opetence_assets.ingestion.due import due_days

    days = due_days(dataset, lake, settings)
    if days:
        tags = {RANGE_START: days[0].isoformat(), RANGE_END: days[-1].isoformat()}
        yield Phase(dataset.feed.name, [dataset.table("bronze"), dataset.table("silver")], tags=tags)
    elif _is_due(dataset, lake, settings):
        yield Phase(dataset.feed.name, [dataset.table("silver")])


def _gold_is_due(lake: Lake, settings: Settings) -> bool:
    from opetence_assets.datasets import all_datasets
    from opetence_assets.lake.candidates import waiting_candidate
    from opetence_assets.lake.releases import current_release
    from opetence_assets.review.description import DECLARATIONS, declarations_digest
    from opetence_assets.warehouse.manifest import project_checksum
    from opetence_assets.zones.gold import pinned

    made = waiting_candidate(lake) or current_release(lake)  # what waits to be promoted need not be built again
    if made is None or made.notes.get("project") != project_checksum():
        return True
    if made.notes.get(DECLARATIONS) != declarations_digest(all_datasets()):
        return True  # a release says what it was declared as, also where no row is another
    newest = {
        key: version for zone in ("silver", "quarantine") for key, version in pinned(all_datasets(), lake, zone).items()
    }
    return any(made.versions.get(key) != version for key, version in newest.items())


def _run(phase: Phase, defs: Any, instance: Any, outcome: Outcome, bars: Bars) -> None:
    import dagster as dg

    from opetence_assets.automation.launcher import worker_tag
    from opetence_assets.command.watching import watching

    started = time.perf_counter()
    job = defs.resolve_implicit_global_asset_job_def()
    graph = defs.resolve_asset_graph()
    keys = [key for key in graph.executable_asset_keys if _chosen("/".join(key.path), phase.keys)]
    run_id = str(uuid4())
    steps = len(job.get_subset(asset_selection=frozenset(keys)).graph.nodes)
    with watching(instance, run_id, phase.name, steps, bars):
        result = job.execute_in_process(
            instance=instance,
            run_id=run_id,
            asset_selection=keys,
            tags={**phase.tags, "cause": "opetence run", **worker_tag(os.getpid())},
            partition_key=phase.partition,
            raise_on_error=False,
            run_config={
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                "ops": {key.replace("/", "__"): {"config": config} for key, config in phase.config.items()},
            },
        )
    outcome.seconds[phase.name] = time.perf_counter() - started
    for evaluation in result.get_asset_check_evaluations():
        if evaluation.passed:
            outcome.checks_passed += 1
        else:
            found = outcome.warnings if evaluation.severity is dg.AssetCheckSeverity.WARN else outcome.checks_failed
            found.append(f"{'/'.join(evaluation.asset_key.path)} {evaluation.check_name}: {evaluation.description}")
    outcome.failures.extend(_reason(event) for event in result.all_events if event.is_step_failure)


def _chosen(key: str, keys: Sequence[str]) -> bool:
    return any(key == chosen or key.startswith(f"{chosen}/") for chosen in keys)


def _reason(event: Any) -> str:
    """The innermost message of a failed step: the platform's own errors say what to do next."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return f"{event.step_key}: {error.message.strip() if error else 'failed'}"
