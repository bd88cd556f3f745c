"""Loads in processes of their own: killed at a step, or two at once."""

from __future__ import annotations

import signal
from importlib import import_module
from typing import Any

from opetence_assets.settings import Settings
from opetence_assets_tests.kills import context, dying


def killed_round(name: str, settings: Settings, kill_at: int) -> int:
    """One load and its refinement, killed at its ``kill_at``-th call of the package (0: left alone); its steps."""
    forked = context()
    steps = forked.Value("i", 0)
    child = forked.Process(target=_round, args=(name, settings, kill_at, steps))
    child.start()
    child.join()
    assert child.exitcode == 0 or (kill_at and child.exitcode == -signal.SIGKILL), f"exit code {child.exitcode}"
    return steps.value


def two_at_once(name: str, settings: Settings) -> list[str]:
    """What two loads that start together say: rows appended, or the name and text of their error."""
    forked = context()
    start, told = forked.Event(), forked.Queue()
    children = [forked.Process(target=_load, args=(name, settings, start, told)) for _ in range(2)]
    for child in children:
        child.start()
    start.set()
    outcomes = [told.get(timeout=120) for _ in children]
    for child in children:
        child.join()
    return outcomes


def _round(name: str, settings: Settings, kill_at: int, steps: Any) -> None:
    from opetence_assets.ingestion.bronze import load
    from opetence_assets.lake.places import lake_at
    from opetence_assets.refinement.silver import refine

    dataset = import_module(f"opetence_assets_tests.conformance.rigs.{name}").DATASET
    with dying(kill_at, steps):
        lake = lake_at(settings)
        load(dataset, lake, settings)
        refine(dataset, lake, settings.scratch)


def _load(name: str, settings: Settings, start: Any, told: Any) -> None:
    from opetence_assets.ingestion.bronze import load
    from opetence_assets.lake.places import lake_at

    dataset = import_module(f"opetence_assets_tests.conformance.rigs.{name}").DATASET
    start.wait()
    try:
        told.put(str(load(dataset, lake_at(settings), settings).rows))
    except Exception as error:
        told.put(f"{type(error).__name__}: {error}")
