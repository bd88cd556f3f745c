"""Steps of an orchestrated run → one progress bar."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

from opetence_assets.command.progress import silent

if TYPE_CHECKING:
    from dagster import DagsterInstance

LOOKS_EVERY = 0.5  # seconds; a look is one indexed query of the run's event log


@contextmanager
def watching(
    instance: DagsterInstance, run_id: str, label: str, steps: int, bars: Callable[[str, int, int], None]
) -> Generator[None]:
    """Draws how many of a run's steps have ended, as its event log tells, until the block ends."""
    if bars is silent:
        yield
        return
    ended = Event()
    bars(label, 0, steps)
    watcher = Thread(target=_watch, args=(instance, run_id, label, steps, bars, ended), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        bars(label, steps, steps)


def _watch(
    instance: DagsterInstance,
    run_id: str,
    label: str,
    steps: int,
    bars: Callable[[str, int, int], None],
    ended: Event,
) -> None:
    from dagster import DagsterEventType

    over = {DagsterEventType.STEP_SUCCESS, DagsterEventType.STEP_FAILURE, DagsterEventType.STEP_SKIPPED}
    while not ended.wait(LOOKS_EVERY):
        done = len(instance.all_logs(run_id, of_type=over))
        bars(label, min(done, steps), steps)
