"""Restores to random moments under write load: ``python -m opetence_assets_tests.postgres.restores 50``.

One thread appends to the ledger without a pause, another rewrites rows of a wide table; base backups are made all the
while, and each moment's ledger must be exactly what had been committed by then. Then server and receiver are killed at
once, again and again: what had been acknowledged more than five seconds before must be in the copy.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime, timedelta

from adbc_driver_postgresql import dbapi
from rich.console import Console
from rich.progress import track

from opetence_assets.postgres.basebackups import Backup, made
from opetence_assets_tests.postgres.production import (
    APPEND,
    Production,
    kill_receiver,
    ledger_of,
    production,
    receiving,
    restored,
)

ALLOWED = 5.0  # seconds of lost commits
WIDE = "CREATE TABLE wide AS SELECT g AS n, repeat(md5(g::text), 20) AS filler FROM generate_series(1, 20000) g"
REWRITE = "UPDATE wide SET filler = repeat(md5(random()::text), 20) WHERE n % 40 = {part}"


def restore_often(shop: Production, times: int, chance: random.Random) -> dict[str, object]:
    """Restores random moments while the load goes on; says what was wrong (nothing) and how long it took."""
    wrong, seconds = list[str](), list[float]()
    with receiving(shop), under_load(shop):
        backups = [made(shop.folder, shop.uri, "2026-01-01T22", os.environ)]
        for number in track(range(times), description="restores", console=Console(stderr=True)):
            if number % 5 == 0 and number:  # two hours of the day before, then a new day's full one
                backups.append(made(shop.folder, shop.uri, _hour(number // 5), os.environ))
            shop.await_receipt()
            target = _moment(backups, shop.now() - timedelta(seconds=3), chance)
            expected = shop.committed(target)
            with restored(shop, target) as copy:
                found = ledger_of(copy)
                seconds.append(copy.seconds)
            if found != expected:
                wrong.append(f"{target}: {found} rows; committed by then: {expected}")
        rows = shop.committed(shop.now())
    return {
        "restores": times,
        "wrong": wrong,
        "rows": rows,
        "full": sum(base.parent is None for base in backups),
        "incremental": sum(base.parent is not None for base in backups),
        "seconds": {"median": sorted(seconds)[len(seconds) // 2], "longest": max(seconds)} if seconds else {},
    }


def kill_often(shop: Production, times: int, chance: random.Random) -> dict[str, object]:
    """Kills server and receiver at once; how much of what was acknowledged is not in the copy, in seconds."""
    lost = list[float]()
    for number in range(times):
        acknowledged = list[float]()
        with receiving(shop) as ended:
            if number == 0:
                made(shop.folder, shop.uri, "2026-02-01T00", os.environ)
            before = shop.committed(shop.now())
            with under_load(shop, acknowledged.append):
                threading.Event().wait(3 + 3 * chance.random())
                ended.set()  # it must not come back
                kill_receiver(shop)
                shop.kill()
                killed = time.time()
        with restored(shop, None) as copy:
            kept = ledger_of(copy) - before
        lost.append(max(0.0, killed - acknowledged[kept]) if kept < len(acknowledged) else 0.0)
        shop.start()
    return {"kills": times, "lost seconds": {"allowed": ALLOWED, "most": max(lost, default=0.0)}}


def _hour(number: int) -> str:
    return (datetime(2026, 1, 1, 22) + timedelta(hours=number)).strftime("%Y-%m-%dT%H")


def _moment(backups: list[Backup], last: datetime, chance: random.Random) -> datetime:
    first = backups[0].finished_at
    return first + max(last - first, timedelta(0)) * chance.random()


def acknowledged_by_nobody(moment: float) -> None:
    """Nobody asks."""


@contextmanager
def under_load(shop: Production, acknowledged: Callable[[float], None] = lambda _: None) -> Generator[None]:
    """A ledger written as fast as the server takes it, and some 5 MB/s of other changes; a killed server ends both."""
    ended = threading.Event()

    def write(sql: Callable[[int], str], done: Callable[[float], None], rest: float) -> None:
        number = 0
        try:
            with dbapi.connect(shop.server.admin_uri, autocommit=True) as connection, connection.cursor() as cursor:
                while not ended.is_set():
                    cursor.execute(sql(number))
                    done(time.time())
                    number += 1
                    ended.wait(rest)
        except dbapi.Error:
            return

    def append(_: int) -> str:
        return APPEND.removesuffix("RETURNING n")

    def rewrite(number: int) -> str:
        return REWRITE.format(part=number % 40)

    writers = [
        threading.Thread(target=write, args=(append, acknowledged, 0), daemon=True),
        threading.Thread(target=write, args=(rewrite, acknowledged_by_nobody, 0.1), daemon=True),
    ]
    for writer in writers:
        writer.start()
    try:
        yield
    finally:
        ended.set()
        for writer in writers:
            writer.join(30)


def main(times: int) -> None:
    """Prints what came of it; exit code 1 if anything was wrong."""
    chance = random.Random(1)
    with production() as shop:
        shop.run(WIDE)
        restores = restore_often(shop, times, chance)
        kills = kill_often(shop, max(1, times // 10), chance)
    print(json.dumps({"restores": restores, "kills": kills}, indent=2))  # noqa: T201
    lost: dict[str, float] = kills["lost seconds"]  # type: ignore[assignment]
    sys.exit(1 if restores["wrong"] or lost["most"] > ALLOWED else 0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
