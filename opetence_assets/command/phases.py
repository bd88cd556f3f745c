"""The phases of a run, each one orchestrated run in this process, so that the UI has its history."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from opetence_assets.settings import Settings

Bars = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Phase:
    """Assets (as lake keys) to materialize together, of one partition or range of partitions if they have any."""

    name: str
    keys: Sequence[str]
    tags: dict[str, str] = field(default_factory=dict[str, str])
    partition: str | None = None


@dataclass
class Outcome:
    """What a run did: seconds and failures by phase."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])
    failures: list[str] = field(default_factory=list[str])
    checks_passed: int = 0
    checks_failed: list[str] = field(default_factory=list[str])

    @property
    def succeeded(self) -> bool:
        return not self.failures


def run_phases(settings: Settings, select: Sequence[str], bars: Bars) -> Outcome:
    """Runs every phase that has something to do; a failed one keeps the later ones from publishing."""
    import dagster as dg

    outcome = Outcome()
    started = time.perf_counter()
    bars("definitions", 0, 1)
    from opetence_assets import definitions

    outcome.seconds["definitions"] = time.perf_counter() - started
    bars("definitions", 1, 1)
    with dg.DagsterInstance.get() as instance:
        for phase in phases(settings, select):
            _run(phase, definitions.defs, instance, outcome, bars)
            if outcome.failures:
                break
    return outcome


def phases(settings: Settings, select: Sequence[str]) -> list[Phase]:
    """Files by the day, tables by watermark, then gold, then backups."""
    from opetence_assets.automation.sensors import RANGE_END, RANGE_START
    from opetence_assets.datasets import all_datasets, dataset_named

    chosen = [dataset_named(name) for name in select] or list(all_datasets())
    found: list[Phase] = []
    for dataset in chosen:
        if dataset.feed.since is None:
            continue
        days = sorted(dataset.feed.waiting_by_day(settings))  # pyright: ignore[reportAttributeAccessIssue]
        if days:
            keys = [dataset.table("bronze"), dataset.table("silver")]
            found.append(Phase(dataset.feed.name, keys, tags={RANGE_START: days[0], RANGE_END: days[-1]}))
    tables = [d.table(zone) for d in chosen if d.feed.since is None for zone in ("bronze", "silver")]
    if tables:
        found.append(Phase("tables", tables))
    found.append(Phase("gold", ["gold"]))
    found.append(Phase("backup", ["backup"], partition=datetime.now(UTC).date().isoformat()))
    return found


def _run(phase: Phase, defs: Any, instance: Any, outcome: Outcome, bars: Bars) -> None:
    import dagster as dg

    from opetence_assets.command.watching import watching

    started = time.perf_counter()
    job = defs.resolve_implicit_global_asset_job_def()
    graph = defs.resolve_asset_graph()
    keys = [key for key in graph.executable_asset_keys if _chosen("/".join(key.path), phase.keys)]
    with watching(phase.name, len(keys), bars):
        result = job.execute_in_process(
            instance=instance,
            asset_selection=keys,
            tags={**phase.tags, "cause": "opetence run"},
            partition_key=phase.partition,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    outcome.seconds[phase.name] = time.perf_counter() - started
    for evaluation in result.get_asset_check_evaluations():
        if evaluation.passed:
            outcome.checks_passed += 1
        else:
            outcome.checks_failed.append(f"{'/'.join(evaluation.asset_key.path)} {evaluation.check_name}: {evaluation.description}")
    for event in result.filter_events(lambda e: e.event_type is dg.DagsterEventType.STEP_FAILURE):
        outcome.failures.append(_reason(event))


def _chosen(key: str, keys: Sequence[str]) -> bool:
    return any(key == chosen or key.startswith(f"{chosen}/") for chosen in keys)


def _reason(event: Any) -> str:
    """The innermost message of a failed step: the platform's own errors say what to do next."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return f"{event.step_key}: {error.message.strip() if error else 'failed'}"
