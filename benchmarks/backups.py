"""A zone's backup into an empty store, against hashing the same bytes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.claims import Claim, compared
from benchmarks.extract import loading
from benchmarks.measure import Contender, costs, run_once
from benchmarks.place import Place, settings_of
from benchmarks.sizes import Size
from benchmarks.tables import ORDERS, make_table

NAME, AGAIN, LIMIT = "Opetence snapshot", "Opetence snapshot, nothing new", "SHA-256 of the same bytes"


def claim(place: Place, size: Size) -> Claim:
    make_table(place.server, "orders", ORDERS, "order_id", size.large)
    run_once(loading(place, "orders", "load"))
    arguments = {"home": str(place.home)}
    store = place.home / "backups"
    contenders = [
        Contender(LIMIT, __name__, "hashed", arguments),
        Contender(NAME, __name__, "backed_up", arguments, before=lambda: shutil.rmtree(store, ignore_errors=True)),
        Contender(AGAIN, __name__, "backed_up", {**arguments, "day": "2026-06-02"}),
    ]
    found = costs(contenders, size.rounds)
    megabytes = found[LIMIT].facts["bytes"] / 2**20
    rows = [compared(found, NAME, LIMIT, 1.3), compared(found, AGAIN, LIMIT)]
    return Claim(
        f"Backup: {megabytes:,.0f} MB of bronze",
        rows,
        [
            "The limit reads each file once through hashlib and writes nothing; the backup also copies, renames into"
            " place by content and fsyncs each file, and writes the manifest.",
        ],
    )


def hashed(home: str) -> Iterator[Any]:
    import hashlib

    files = sorted((Path(home) / "lake" / "bronze").rglob("*.parquet"))
    yield
    for path in files:
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256")
    yield {"bytes": sum(path.stat().st_size for path in files)}


def backed_up(home: str, day: str = "2026-06-01") -> Iterator[Any]:
    import deltalake

    from opetence_assets.backup.snapshot import snapshot
    from opetence_assets.lake.places import lake_at, place_at
    from opetence_assets.lake.releases import Release, current_release, publish
    from opetence_assets.lake.tables import open_table

    del deltalake
    settings = settings_of(Path(home))
    lake, store = lake_at(settings), place_at(settings.backups, settings.storage_options)
    release: Release | None = current_release(lake)
    if release is None:
        table = open_table(lake, "bronze/benchmark/orders")
        assert table is not None
        release = publish(lake, {table.key: table.version}, {}, base=0)
    yield
    done = snapshot(lake, store, zone="bronze", partition=day, release=release)
    yield {"bytes": done.bytes}
