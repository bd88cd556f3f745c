"""Real kills: a scenario runs in a process of its own that SIGKILLs itself before its n-th change of the disk."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from opetence_assets_tests.kills import context

# Everything that changes the disk passes through one of these; obstore and delta-rs are called through the last two.
STEPS: tuple[tuple[Any, str], ...] = (
    *((os, name) for name in ("fsync", "link", "rename", "replace", "unlink", "mkdir")),
    (shutil, "copyfile"),
    (Path, "write_bytes"),
    (DeltaTable, "create_checkpoint"),
)
PROCESSES = context()


def finished(scenario: Callable[..., object], *arguments: object) -> bool:
    """Runs a scenario in a process of its own; whether it ended well."""
    return exit_code(None, scenario, arguments) == 0


def kills(scenario: Callable[..., object], make: Callable[[int], tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    """Kills a scenario before each of its steps in turn, each time with arguments made anew; yields those."""
    for step in count():
        arguments = make(step)
        code = exit_code(step, scenario, arguments)
        if code == 0:
            assert step, "the scenario changed nothing"
            return
        assert code == -signal.SIGKILL, f"step {step} ended with {code}"
        yield arguments


def steps_of(scenario: Callable[..., object], arguments: tuple[object, ...]) -> int:
    """How many steps a scenario has; it is run for it."""
    heard, told = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=_count, args=(told, scenario, arguments))
    process.start()
    told.close()
    number: int = heard.recv()
    process.join()
    return number


def _count(told: Any, scenario: Callable[..., object], arguments: tuple[object, ...]) -> None:
    numbers = count()
    for owner, name in STEPS:
        setattr(owner, name, _deadly(getattr(owner, name), name, -1, numbers))
    scenario(*arguments)
    told.send(next(numbers))


def exit_code(step: int | None, scenario: Callable[..., object], arguments: tuple[object, ...]) -> int | None:
    """Runs a scenario in a process of its own, killed before a step (None: not at all); how it ended."""
    process = PROCESSES.Process(target=_run, args=(step, scenario, arguments))
    process.start()
    process.join()
    return process.exitcode


def _run(step: int | None, scenario: Callable[..., object], arguments: tuple[object, ...]) -> None:
    if step is not None:
        numbers = count()
        for owner, name in STEPS:
            setattr(owner, name, _deadly(getattr(owner, name), name, step, numbers))
    scenario(*arguments)


def _deadly(function: Callable[..., Any], name: str, step: int, numbers: Iterator[int]) -> Callable[..., Any]:
    def wrapped(*arguments: Any, **options: Any) -> Any:
        if next(numbers) == step:
            if name == "write_bytes":  # cut off half-way
                path, data = arguments
                function(path, data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)

    return wrapped
