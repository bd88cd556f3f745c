"""kill -9 over all sources: ``python -m opetence_assets_tests.conformance.kills 300``.

Each kill hits a load or its refinement at a random call of the package; a run that is left alone follows, and then
silver must be what the source holds, bronze must hold nothing twice, and one more run must find nothing to do.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import polars as pl

from opetence_assets.lake.places import lake_at
from opetence_assets.settings import read_settings
from opetence_assets_tests.conformance.bench import RIGS, Bench, things
from opetence_assets_tests.conformance.children import killed_round
from opetence_assets_tests.conformance.rig import Place
from opetence_assets_tests.conftest import environment


def rehearse(name: str, kills: int, database: str, seed: int) -> dict[str, object]:
    """Kills one source's loads; says how many died and what was wrong afterwards (nothing, or the platform is)."""
    chance, wrong, died = random.Random(f"{name}{seed}"), list[str](), 0
    with _benched(name, database) as bench:
        bench.put(things(range(10)))
        steps = killed_round(name, bench.settings, 0)
        for number in range(1, kills + 1):
            hours = 25 * number
            bench.put(things(range(10 * number, 10 * number + 4), hours=hours))
            bench.put(things([number], hours=hours + 1, amount=1000 * number))
            died += killed_round(name, bench.settings, chance.randint(1, steps)) == 0
            killed_round(name, bench.settings, 0)
            wrong += [f"kill {number}: {problem}" for problem in _problems(bench)]
    return {"kills": died, "steps": steps, "wrong": wrong}


def _problems(bench: Bench) -> list[str]:
    found: list[str] = []
    try:
        bench.agrees()
    except AssertionError as difference:
        found.append(f"silver is not the source: {str(difference)[:200]}")
    said = bench.table("bronze").select(pl.exclude("^_(load|sealed|position|cursor).*$"))
    if len(said.unique()) != len(said):
        found.append("bronze holds a row twice")
    if bench.load().rows:
        found.append("the cursor is behind: one more load found rows")
    return found


@contextmanager
def _benched(name: str, database: str) -> Iterator[Bench]:
    folder = Path(tempfile.mkdtemp(prefix="kil", dir="/tmp"))
    try:
        settings = read_settings(environment(folder / "home"))
        with RIGS[name].opened(Place(folder, lambda: database)) as rig:
            yield Bench(name, rig, lake_at(settings), settings)
    finally:
        shutil.rmtree(folder)


def main(kills: int, names: list[str]) -> None:
    """Spreads the kills over the rigs and prints what came of them."""
    from rich.progress import track

    from sandbox.server import started, stop

    home = Path(tempfile.mkdtemp(prefix="kdb", dir="/tmp"))
    chosen = names or sorted(RIGS)
    try:
        one = partial(rehearse, kills=-(-kills // len(chosen)), database=started(home).owner_uri, seed=1)
        results = {name: one(name) for name in track(chosen, description="kills by source")}
    finally:
        stop(home)
        shutil.rmtree(home)
    total = sum(int(str(result["kills"])) for result in results.values())
    wrong = [f"{name}: {problem}" for name, result in results.items() for problem in list(result["wrong"])]  # type: ignore[call-overload]
    print(json.dumps({"kills": total, "wrong": wrong, "by source": results}, indent=2))  # noqa: T201
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
