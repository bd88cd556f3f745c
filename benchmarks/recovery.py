"""How long production is gone: from its backup to a server that answers, as of the last transaction received."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.claims import Claim, Row
from benchmarks.place import Place
from benchmarks.sizes import Size
from benchmarks.tables import ORDERS, make_table

ALLOWED = 60.0  # seconds
PROMISE = "promised recovery time"
CHANGED = "UPDATE benchmark.orders SET total = total + 1 WHERE order_id LIKE '%{digit}7'"


def claim(place: Place, size: Size) -> Claim:
    from pyrage import x25519  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]

    from opetence_assets.backup.production import restored_production, snapshot_production
    from opetence_assets.lake.places import Lake
    from opetence_assets.postgres.basebackups import made
    from opetence_assets.postgres.private_server import stopped
    from opetence_assets.postgres.recover import Recovered, recovered

    make_table(place.server, "orders", ORDERS, "order_id", size.medium)
    _run(place, "ALTER TABLE benchmark.orders SET LOGGED")  # the log tells nothing of it otherwise
    key = x25519.Identity.generate()
    variables = {**os.environ, "OPETENCE_BACKUP_IDENTITY": str(key)}
    folder, uri, store = place.home / "postgres", place.server.copier_uri, Lake(str(place.home / "backups"))
    with _receiving(folder, uri):
        for hour in range(3):
            _run(place, CHANGED.format(digit=hour))
            base = made(folder, uri, f"2026-01-01T{hour:02}", os.environ)
            snapshot_production(store, folder, base, [str(key.to_public())])
        _run(place, CHANGED.format(digit=3))
        _await_all(folder, uri)
        wanted = _sum(place.server.admin_uri)

        def measured(restore: Callable[[], Recovered]) -> float:
            begun = time.perf_counter()
            copy = restore()
            seconds = time.perf_counter() - begun
            try:
                found = _sum(copy.uri)
                assert found == wanted, f"the copy holds {found}, production {wanted}"
            finally:
                stopped(copy.copy)
            return seconds

        local = measured(lambda: recovered(folder, None, place.home / "local", os.environ))
        stored = measured(lambda: restored_production(store, None, place.home / "stored", variables, live=folder))
    megabytes = (
        sum(file.stat().st_size for file in (place.home / "local" / "data").rglob("*") if file.is_file()) / 2**20
    )
    return Claim(
        f"Recovery: {size.medium:,} orders, {megabytes:,.0f} MB of data directory",
        [
            Row("Opetence, from the working folder", local, PROMISE, ALLOWED, 1.0, unit="s"),
            Row("Opetence, from the backup store", stored, PROMISE, ALLOWED, 1.0, unit="s"),
        ],
        [
            "A full base backup, two incremental ones and the log after them; each file of each is verified against its"
            " manifest, the log is replayed to the last transaction, and the copy's sums are production's.",
            "From the store the files are copied and checked by their SHA-256 first; it is a folder on the same disk.",
        ],
    )


@contextmanager
def _receiving(folder: Path, uri: str) -> Generator[None]:
    from opetence_assets.postgres.stream import received

    ended = threading.Event()
    receiver = threading.Thread(target=received, args=(folder, uri, os.environ, ended, print), daemon=True)
    receiver.start()
    try:
        yield
    finally:
        ended.set()
        receiver.join(30)


def _await_all(folder: Path, uri: str) -> None:
    """Until the receiver has all that was committed by now."""
    from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

    from opetence_assets.postgres.address import asked
    from opetence_assets.postgres.wal import read_mark

    (now,) = asked(uri, "SELECT clock_timestamp()")

    def is_behind() -> bool:
        mark = read_mark(folder)
        return mark is None or mark.at < now

    Retrying(retry=retry_if_result(bool), wait=wait_fixed(0.1), stop=stop_after_delay(120))(is_behind)


def _run(place: Place, sql: str) -> None:
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(place.server.admin_uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(sql)


def _sum(uri: str) -> str:
    from opetence_assets.postgres.address import asked

    return asked(uri, "SELECT count(*) || ' orders, ' || sum(total) FROM benchmark.orders")[0]
