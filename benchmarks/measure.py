"""CPU-seconds of a contender and of the PostgreSQL server that served it; the least of several interleaved rounds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Contender:
    """Who competes: a generator function of a module here, its arguments, and what must be so before each round."""

    name: str
    module: str
    function: str
    arguments: Mapping[str, Any]
    before: Callable[[], object] = lambda: None
    times: float = 1  # a contender that is run on a part of the rows, scaled to all of them


@dataclass(frozen=True)
class Cost:
    """CPU-seconds, wall seconds and megabytes of one round.

    Attributes:
        start: client's CPU before the work began (interpreter, imports).
        client: client's CPU of the work.
        server: PostgreSQL's CPU, all its processes.
    """

    start: float
    client: float
    server: float
    wall: float
    peak: float
    facts: Any

    @property
    def work(self) -> float:
        return self.client + self.server


def costs(contenders: list[Contender], rounds: int, pgdata: Path | None = None) -> dict[str, Cost]:
    """Each contender's cheapest and fastest round; all take part in every round: a busy minute hits all alike."""
    found: dict[str, list[Cost]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            contender.before()
            found[contender.name].append(_scaled(run_once(contender, pgdata), contender.times))
    return {name: _least(runs) for name, runs in found.items()}


def run_once(contender: Contender, pgdata: Path | None = None) -> Cost:
    """One round of one contender.

    Raises:
        RuntimeError: it failed; the message ends with what it wrote.
    """
    before = server_seconds(pgdata)
    done = in_a_process(contender.module, contender.function, json.dumps(dict(contender.arguments)))
    if done.returncode:
        raise RuntimeError(f"{contender.name} failed:\n{done.stderr[-4000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    server = server_seconds(pgdata) - before
    return Cost(found["start"], found["work"], server, found["wall"], found["peak"], found["facts"])


def in_a_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    """``benchmarks.contender`` in a new interpreter, so that nobody finds done what another has paid for."""
    command = [sys.executable, "-m", "benchmarks.contender", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def server_seconds(pgdata: Path | None) -> float:
    """CPU of a server so far: its living processes, and through the postmaster those that ended."""
    if pgdata is None:
        return 0.0
    postmaster = psutil.Process(int((pgdata / "postmaster.pid").read_text().split("\n", 1)[0]))
    psutil.wait_procs([child for child in postmaster.children() if _is_backend(child)], timeout=60)
    while True:  # a worker that ends while it is read moves to the postmaster's ended children: read all again
        try:
            living = [_ticks(process.pid) for process in postmaster.children()]
            return (sum(own for own, _ in living) + sum(_ticks(postmaster.pid))) / TICKS
        except FileNotFoundError:
            continue


def _is_backend(process: psutil.Process) -> bool:
    try:
        return "[local]" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False


def _ticks(pid: int) -> tuple[int, int]:
    """Own and ended children's user + system time."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own, ended = fields[11:13], fields[13:15]
    return sum(map(int, own)), sum(map(int, ended))


def _scaled(cost: Cost, times: float) -> Cost:
    return replace(cost, client=cost.client * times, server=cost.server * times, wall=cost.wall * times)


def _least(runs: list[Cost]) -> Cost:
    cheapest = min(runs, key=lambda cost: cost.work)
    first, fastest = min(run.start for run in runs), min(run.wall for run in runs)
    return replace(cheapest, start=first, wall=fastest, peak=max(run.peak for run in runs))
