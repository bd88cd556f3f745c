"""What production feels: pgbench beside a full load of a large table, with and without, taking turns."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.claims import Claim, Row
from benchmarks.place import Place, settings_of
from benchmarks.sizes import Size
from benchmarks.tables import ORDERS, benchmark, make_table, orders

SCALE = 10  # pgbench's: 1,000,000 accounts, 150 MB
CLIENTS = 4
BUSY = 0.3  # of what the server can do at most: a production server has that much to spare at its busiest
PACE = 3.0  # rests, as a multiple of work: the loader works a quarter of the time
ALLOWED = 1 / 0.9  # time a transaction: at most a tenth fewer of them
LENGTHS = {1: ("-t", "25"), 2: ("-T", "4")}  # rounds → of a run of pgbench: transactions a client, or seconds
FOUND = re.compile(r"latency average = ([\d.]+) ms[\s\S]*?tps = ([\d.]+)")


@dataclass(frozen=True)
class Setting:
    """How the loader behaves, and how hard pgbench presses (transactions a second; None: as hard as it can)."""

    name: str
    pace: float
    rate: float | None
    allowed: float | None


@dataclass(frozen=True)
class Felt:
    """Medians over the rounds: transactions a second and milliseconds each, without and with a load beside."""

    alone: tuple[float, float]
    beside: tuple[float, float]
    rows: int  # loaded meanwhile

    def __str__(self) -> str:
        (tps, ms), (tps_beside, ms_beside) = self.alone, self.beside
        return (
            f"{tps:,.0f} → {tps_beside:,.0f} transactions/s ({tps_beside / tps - 1:+.1%}),"
            f" {ms:.1f} → {ms_beside:.1f} ms each, {self.rows:,} rows loaded meanwhile"
        )


def claim(place: Place, size: Size) -> Claim:
    make_table(place.server, "orders", ORDERS, "order_id", size.silver)
    _pgbench(place, "-i", "-q", "-s", str(SCALE if size.rounds > 1 else 1))
    length = LENGTHS.get(size.rounds, ("-T", "6"))
    most, _ = _pressed(place, length, None)
    rate = max(1.0, BUSY * most)
    settings = (
        Setting("load beside a server at 30 % of its capacity", 0.0, rate, ALLOWED),
        Setting(f"the same with pace={PACE:g}", PACE, rate, ALLOWED),
        Setting("load beside a saturated server", 0.0, None, None),
        Setting(f"the same with pace={PACE:g}", PACE, None, None),
    )
    found = felt(place, settings, size.rounds, length)
    rows = [
        Row(s.name, 1000 / f.beside[0], "without a load", 1000 / f.alone[0], s.allowed, unit="ms/transaction")
        for s, f in found.items()
    ]
    notes = [f"{s.name} ({_pressure(s)}): {f}." for s, f in found.items()]
    notes.append(
        f"pgbench's TPC-B, {CLIENTS} clients, every commit synchronous; server, pgbench and loader share"
        f" {os.cpu_count()} cores here (in production the loader has its own): it runs with nice 19. Full loads of"
        f" {size.silver:,} rows, one after another, as long as pgbench runs; {size.rounds} rounds of"
        f" pgbench {' '.join(length)} each."
    )
    return Claim("Gentle on production: pgbench beside full loads", rows, notes)


def felt(place: Place, settings: Sequence[Setting], rounds: int, length: Sequence[str]) -> dict[Setting, Felt]:
    """Without and with a load beside; all settings take turns, so that a busy minute hits all alike."""
    alone: dict[Setting, list[tuple[float, float]]] = {setting: [] for setting in settings}
    beside: dict[Setting, list[tuple[float, float]]] = {setting: [] for setting in settings}
    loaded = dict.fromkeys(settings, 0)
    for _ in range(rounds):
        for setting in settings:
            alone[setting].append(_pressed(place, length, setting.rate))
            with _loads(place, setting.pace) as rows:
                beside[setting].append(_pressed(place, length, setting.rate))
                loaded[setting] += rows.value
    return {s: Felt(_middle(alone[s]), _middle(beside[s]), loaded[s]) for s in settings}


def _middle(found: list[tuple[float, float]]) -> tuple[float, float]:
    return median(tps for tps, _ in found), median(ms for _, ms in found)


def _pressure(setting: Setting) -> str:
    return f"-R {setting.rate:.0f}" if setting.rate else "no -R"


def _pressed(place: Place, length: Sequence[str], rate: float | None) -> tuple[float, float]:
    """Transactions a second and milliseconds each of one run."""
    limit = ("-R", f"{rate:.1f}") if rate else ()
    told = _pgbench(place, "-n", "-c", str(CLIENTS), "-j", "1", *length, *limit)
    found = FOUND.search(told)
    assert found, told
    return float(found[2]), float(found[1])


def _pgbench(place: Place, *arguments: str) -> str:
    from sandbox.postgres import run
    from sandbox.server import DATABASE, OWNER, PORT

    address = ("-h", str(place.server.sockets), "-p", str(PORT), "-U", OWNER, DATABASE)
    return run("pgbench", *arguments, *address).stdout


@contextmanager
def _loads(place: Place, pace: float) -> Iterator[Any]:
    """Full loads in a process of their own, one after another; gives the number of rows they have read."""
    from opetence_assets_tests.kills import context

    apart = context()
    started, stop, rows = apart.Event(), apart.Event(), apart.Value("q", 0)
    loader = apart.Process(target=load_on, args=(str(place.home), pace, started, stop, rows))
    loader.start()
    try:
        assert started.wait(120)
        yield rows
    finally:
        stop.set()
        loader.join()
    assert loader.exitcode == 0


class Stopped(Exception):
    """The measurement is over."""


def load_on(home: str, pace: float, started: Any, stop: Any, rows: Any) -> None:
    """Loads everything into an empty lake, again and again."""
    from opetence_assets.ingestion.bronze import Request, load
    from opetence_assets.lake.places import lake_at

    os.nice(19)
    settings = replace(settings_of(Path(home)), lake=f"{home}/scratch/gentle")
    dataset = replace(orders, feed=benchmark.table("orders", pace=pace))
    before = 0

    def told(read: int) -> None:
        rows.value = before + read
        started.set()
        if stop.is_set():
            raise Stopped

    while not stop.is_set():
        shutil.rmtree(settings.lake, ignore_errors=True)
        try:
            load(dataset, lake_at(settings), settings, Request(on_rows=told))
        except Exception as ended:
            if not stop.is_set():
                raise
            del ended  # dlt wraps what stops it
        before = rows.value
