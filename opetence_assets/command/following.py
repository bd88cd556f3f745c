"""Takes changes within seconds: ``python -m opetence_assets.command.following``, one process of ``opetence ui``.

A run for every change would cost two seconds before its first step, and a file of events each. Here tables whose source
tells changes are loaded, refined and judged as soon as something changed, by the very functions that steps call and
holding the same pools. The sensor's runs go on at their pace: they show in the UI what came, and gold follows them.
An error is theirs to show as well: here it only ends the following of that table for a while.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING

from opetence_assets.automation.launcher import bury_dead, process_name
from opetence_assets.checks.judging import judge_silver
from opetence_assets.contract.severity import PassRefused
from opetence_assets.dataset import DataError, Dataset
from opetence_assets.ingestion.bronze import load
from opetence_assets.ingestion.due import is_followed
from opetence_assets.lake.commits import CommitConflict
from opetence_assets.lake.places import Lake, lake_at
from opetence_assets.lake.tables import open_table
from opetence_assets.lake.verdicts import verdict
from opetence_assets.privacy.messages import errors_without_values
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings, read_settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

EVERY = 1.0  # seconds between looks
REST = 60.0  # seconds that a table which came to grief is left to its runs


@dataclass
class Followed:
    """A table, the state of its source that was taken last, and when it may be looked at again."""

    dataset: Dataset
    taken: str = ""
    not_before: float = 0.0


def main() -> None:
    """Follows until it is terminated."""
    import dagster as dg

    from opetence_assets.datasets import all_datasets

    stop = Event()

    def end(signum: int, frame: object) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    settings = read_settings()
    followed = [Followed(dataset) for dataset in all_datasets() if is_followed(dataset)]
    with dg.DagsterInstance.get() as instance:
        bury_dead(instance)  # a killed one's hold on its tables, too
        while not stop.wait(EVERY):
            for one in followed:
                if monotonic() >= one.not_before:
                    look(one, lake_at(settings), settings, instance)


def look(one: Followed, lake: Lake, settings: Settings, instance: DagsterInstance) -> bool:
    """Takes what changed since the last look; False where nothing did, a run is at it, or a run has to show why not.

    The first load is a run's: it reads the whole table.
    """
    dataset = one.dataset
    if open_table(lake, dataset.table("silver")) is None:
        return False
    try:
        now = dataset.feed.fingerprint(dataset, settings)
        if now == one.taken:
            return False
        rows = _taken(dataset, lake, settings, instance)
    except (CommitConflict, DataError, PassRefused) as error:
        sys.stderr.write(f"{dataset.name} is left to its runs for {REST:g} s: {error}\n")
        one.not_before = monotonic() + REST
        return False
    # Where rows came there may be more, and the source's counters lag behind its commits: only a look in vain ends it.
    one.taken = now if rows == 0 else ""
    return bool(rows)


def _taken(dataset: Dataset, lake: Lake, settings: Settings, instance: DagsterInstance) -> int | None:
    """The rows that came; None: a run holds one of the tables."""
    with _held(instance, dataset, "bronze") as free:
        if not free:
            return None
        with errors_without_values(dataset.name):
            done = load(dataset, lake, settings)
    with _held(instance, dataset, "silver") as free:
        if not free:
            return None
        with errors_without_values(dataset.name):
            refined = refine(dataset, lake, settings.scratch)
        silver = open_table(lake, dataset.table("silver"), refined.version)
        assert silver is not None
        if verdict(lake, silver.key, silver.version) is None:
            judge_silver(dataset, lake, silver, now=settings.now())
    return done.rows


@contextmanager
def _held(instance: DagsterInstance, dataset: Dataset, zone: str) -> Generator[bool]:
    """Holds the pool of a table's one writer, as its step would; False where a step holds it or waits for it."""
    storage, pool = instance.event_log_storage, f"lake_{dataset.table(zone).replace('/', '_')}"
    run, step = process_name(os.getpid()), f"follow {dataset.name}"
    storage.initialize_concurrency_limit_to_default(pool)
    try:
        yield storage.claim_concurrency_slot(pool, run, step).is_claimed
    finally:
        storage.free_concurrency_slot_for_step(run, step)


if __name__ == "__main__":
    main()
