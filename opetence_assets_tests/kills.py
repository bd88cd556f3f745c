"""One whole round of the platform in a process of its own, killed at its n-th step by a real SIGKILL.

No hook in the product: a step is a call of any of the package's functions, counted by the interpreter.
``python -m opetence_assets_tests.kills 100`` kills a hundred rounds, spread evenly over the steps of a round, each
followed by a round that is left alone, and compares with the sources; a reader watches every release all the while.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.context import ForkServerContext
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from types import FrameType
from typing import Any

REPEATING = ("logistics_service/shipments", "user_service/consents")  # the sources themselves hold exact duplicates
PACKAGE = str(Path(__file__).parents[1] / "opetence_assets") + os.sep


def context(preload: str = "opetence_assets_tests.preload") -> ForkServerContext:
    """Children forked from a process that has imported what they need.

    A process has one fork server, and what the first caller asks it to import is what it imports: callers who ask for
    different things would make the children of all but the first import them anew, a second each.
    """
    forked = multiprocessing.get_context("forkserver")
    forked.set_forkserver_preload([preload])
    return forked


def round_of(home: str, kill_at: int, steps: Any) -> None:
    """Sources → bronze → silver → checks → gold → release → backup; dies at step ``kill_at`` if that is not 0."""
    with dying(kill_at, steps):
        everything(home)


@contextmanager
def dying(kill_at: int, steps: Any) -> Iterator[None]:
    """Counts the steps of the block into ``steps`` and kills this process at step ``kill_at`` if that is not 0."""
    counted = 0

    def watch(frame: FrameType, event: str, _: object) -> None:
        nonlocal counted
        if frame.f_code.co_filename.startswith(PACKAGE):
            counted += 1
            if counted == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.settrace(watch)  # of calls alone, as it gives no function for lines; a profiler is also told of returns and C
    try:
        yield
    finally:
        sys.settrace(None)
        steps.value = counted


def everything(home: str) -> None:
    """The calls that the assets make, in their order, without the orchestrator."""
    from opetence_assets.backup.keys import snapshot_keys
    from opetence_assets.backup.snapshot import snapshot
    from opetence_assets.checks.completeness import completeness_results
    from opetence_assets.checks.quality import quality_results
    from opetence_assets.datasets import all_datasets
    from opetence_assets.ingestion.bronze import load
    from opetence_assets.lake.places import lake_at, place_at
    from opetence_assets.lake.releases import current_release
    from opetence_assets.lake.tables import open_table
    from opetence_assets.lake.verdicts import failed, record
    from opetence_assets.refinement.silver import refine
    from opetence_assets.settings import read_settings
    from opetence_assets.warehouse.build import build
    from opetence_assets.warehouse.publish import publish
    from opetence_assets.zones.gold import pinned

    settings = read_settings({"OPETENCE_HOME": home})
    lake = lake_at(settings)
    for dataset in all_datasets():
        load(dataset, lake, settings)
        refine(dataset, lake, settings.scratch)
        silver = open_table(lake, dataset.table("silver"))
        assert silver is not None
        results = [*quality_results(dataset, silver), *completeness_results(dataset, lake, silver)]
        record(lake, silver.key, silver.version, results)
        assert failed(results) == []
    zones = {zone: pinned(all_datasets(), lake, zone) for zone in ("bronze", "silver", "quarantine")}
    built = build(lake, settings, scratch=settings.scratch, sources=zones["silver"], since=current_release(lake))
    try:
        release = publish(built, lake, others={**zones["bronze"], **zones["quarantine"]})
    finally:
        built.close()
    place, day = place_at(settings.backups), datetime.now(UTC).date().isoformat()
    for zone in ("bronze", "silver", "gold"):
        snapshot(lake, place, zone=zone, partition=day, release=release)
    snapshot_keys(place, settings.keys, partition=day, since=release.created_at)


def read_releases(home: str, stop: Any, seen: Any, broken: Any) -> None:
    """A reader that never rests: every release it sees must be whole and agree with itself."""
    from opetence_assets.lake.places import lake_at
    from opetence_assets.lake.releases import current_release
    from opetence_assets.lake.tables import open_table
    from opetence_assets.settings import read_settings

    lake = lake_at(read_settings({"OPETENCE_HOME": home}))
    while not stop.wait(0.05):
        release = current_release(lake)
        if release is None:
            continue
        tables = {key: open_table(lake, key, version) for key, version in release.versions.items()}
        rows = {key: table.scan().collect().height for key, table in tables.items() if table}
        seen.value += 1
        if len(rows) != len(release.versions) or rows["gold/fct_orders"] != rows["silver/order_service/orders"]:
            broken.value += 1


def happen(owner: str, drop: Path, number: int, chance: random.Random) -> None:
    """Something changes in every kind of source."""
    from adbc_driver_postgresql import dbapi

    changes = [
        "INSERT INTO order_service.orders SELECT 'O9' || lpad((substr(order_id, 2)::bigint % 1000000000 + "
        f"{number} * 1000000)::text, 9, '0'), user_id, microzone_id, 'placed', currency, total, voucher_code,"
        " recipient_phone, delivery_address, ordered_at, now() - interval '1 minute' FROM order_service.orders"
        f" WHERE order_id NOT LIKE 'O9%' ORDER BY md5(order_id || '{number}') LIMIT 20 ON CONFLICT DO NOTHING",
        "UPDATE order_service.orders SET status = 'paid' WHERE order_id IN"
        f" (SELECT order_id FROM order_service.orders ORDER BY md5(order_id || '{number}') LIMIT 15)",
        "UPDATE user_service.users SET segment = CASE segment WHEN 'vip' THEN 'regular' ELSE 'vip' END"
        f" WHERE user_id % 50 = {number % 50}",
        f"DELETE FROM user_service.addresses WHERE address_id % 997 = {number % 997}",
    ]
    with dbapi.connect(owner, autocommit=True) as connection, connection.cursor() as cursor:
        for change in changes:
            cursor.execute(change)
    day = f"2025-{number % 12 + 1:02d}-{number // 12 % 28 + 1:02d}"
    file = drop / "facebook_ads" / f".facebook_ads_{day}.csv"
    lines = [f"{day},k{n},Campaign {n},{chance.randint(100, 999)},{n},{n}.25,EUR" for n in range(5)]
    file.write_text("date,campaign_id,campaign_name,impressions,clicks,spend,currency\n" + "\n".join(lines) + "\n")
    file.rename(file.with_name(file.name[1:]))


def rehearse(kills: int, scale: float = 0.02, seed: int = 1) -> dict[str, Any]:
    """Kills ``kills`` rounds and says what was lost, doubled or half-seen: all zeros, or the platform is wrong."""
    os.environ["OPETENCE_REAL_DATA"] = ""
    from sandbox import down, up
    from sandbox import seed as fill

    home = Path(tempfile.mkdtemp(prefix="kil", dir="/tmp"))
    forked, chance = context("opetence_assets_tests.kills_preload"), random.Random(seed)
    stop, seen, broken = forked.Event(), forked.Value("i", 0), forked.Value("i", 0)
    try:
        owner = up(home).owner_uri
        fill(home, scale, seed)
        _survives(forked, home, 0)
        reader = forked.Process(target=read_releases, args=(str(home), stop, seen, broken))
        reader.start()
        wrong: list[str] = []
        killed, steps = 0, 0
        for number in range(kills):
            happen(owner, home / "drop", number, chance)
            steps = steps or _survives(forked, home, 0)
            happen(owner, home / "drop", number + kills, chance)
            place = max(1, steps * (number + 1) // (kills + 1))
            killed += _survives(forked, home, place) == 0
            _survives(forked, home, 0)
            wrong += [f"after a kill at step {place} of {steps}: {problem}" for problem in _problems(home)]
        stop.set()
        reader.join()
        return {"kills": killed, "steps": steps, "wrong": wrong, "reads": seen.value, "half_made": broken.value}
    finally:
        stop.set()
        down(home)
        shutil.rmtree(home)


def _survives(forked: ForkServerContext, home: Path, kill_at: int) -> int:
    """Runs a round; its number of steps, 0 if it was killed."""
    steps: Synchronized[int] = forked.Value("i", 0)
    child = forked.Process(target=round_of, args=(str(home), kill_at, steps))
    child.start()
    child.join()
    assert child.exitcode in (0, -signal.SIGKILL), f"a round failed with exit code {child.exitcode}"
    return steps.value if child.exitcode == 0 else 0


def _problems(home: Path) -> list[str]:
    """Rows lost or doubled anywhere, against the sources themselves."""
    import polars as pl

    from opetence_assets.datasets import all_datasets
    from opetence_assets.lake.places import lake_at
    from opetence_assets.lake.tables import open_table
    from opetence_assets.refinement.shape import table_key
    from opetence_assets.settings import read_settings
    from opetence_assets_tests.truth import source_differences

    settings = read_settings({"OPETENCE_HOME": str(home)})
    lake = lake_at(settings)
    found = source_differences(settings, lake)  # not the story: nobody pays for what happens here
    for dataset in all_datasets():
        silver, bronze = open_table(lake, dataset.table("silver")), open_table(lake, dataset.table("bronze"))
        assert silver is not None
        assert bronze is not None
        if silver.scan().select(pl.struct(table_key(dataset)).is_duplicated().any()).collect().item():
            found.append(f"{silver.key}: a key stands twice")
        position = [name for name in bronze.schema.names if name not in ("_sealed", "_load_id", "_loaded_at")]
        unique = dataset.name not in REPEATING
        if unique and bronze.scan().select(pl.struct(position).is_duplicated().any()).collect().item():
            found.append(f"{bronze.key}: a line was taken twice")
    return found


if __name__ == "__main__":
    import json

    print(json.dumps(rehearse(int(sys.argv[1])), indent=2))  # noqa: T201
