"""Backup, verification and restore against hashing and copying the same bytes, and beside restic and borg."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from benchmarks.claims import Claim, Row, compared
from benchmarks.measure import Contender, Cost, costs
from benchmarks.place import Place, settings_of
from benchmarks.sizes import Size

KEY, FILES = "bronze/benchmark/stored", 200  # so that one percent is two files
FULL, AGAIN, CHANGED = "Opetence backup", "Opetence backup, nothing new", "Opetence backup, 1 % of the files new"
VERIFIED = "Opetence verify"
RESTORED, DURABLE = "Opetence restore, every byte verified", "Opetence restore, every byte verified, durable"
HASHED, COPIED = "SHA-256 of the same bytes", "cp -a of the same bytes, from disk"
WARM, SYNCED = "cp -a of the same bytes, from memory", "cp -a of the same bytes, from disk, durable (sync)"
RESTIC, BORG = "restic backup, no compression", "borg create, no compression"
PEERS = {RESTIC: "restic", BORG: "borg"}
ALONE = {"RESTIC_PASSWORD": "x", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}


def claim(place: Place, size: Size) -> Claim:
    made(place.home, size.stored)
    home = {"home": str(place.home)}
    day = partial(Contender, module=__name__, function="backed_up")
    peers = [name for name, program in PEERS.items() if shutil.which(program)]
    contenders = [
        Contender(HASHED, __name__, "hashed", home),
        day(FULL, arguments={**home, "day": "2026-06-01"}, before=lambda: _gone(place.home, "backups")),
        day(AGAIN, arguments={**home, "day": "2026-06-02"}),
        day(CHANGED, arguments={**home, "day": "2026-06-03", "number": 2}),
        Contender(VERIFIED, __name__, "verified", home),
        Contender(RESTORED, __name__, "restored", home, before=lambda: _cold(place.home, "restored")),
        Contender(DURABLE, __name__, "durable", home, before=lambda: _cold(place.home, "restored")),
        Contender(COPIED, __name__, "copied", home, before=lambda: _cold(place.home, "copied")),
        Contender(SYNCED, __name__, "synced", home, before=lambda: _cold(place.home, "copied")),
        Contender(WARM, __name__, "copied", home, before=lambda: _gone(place.home, "copied")),
        *(Contender(n, __name__, PEERS[n], home, before=partial(_begun, place.home, PEERS[n])) for n in peers),
    ]
    found = costs(contenders, size.rounds)
    return Claim(f"Backup: {size.stored:,} MB of bronze in {FILES} files", _rows(found, peers), _notes(found, peers))


def _rows(found: dict[str, Cost], peers: list[str]) -> list[Row]:
    return [
        compared(found, FULL, HASHED, 1.3),
        compared(found, AGAIN, FULL),
        compared(found, CHANGED, FULL, 0.05),
        compared(found, VERIFIED, HASHED, 1.1),
        _by_the_clock(found, RESTORED, COPIED, 1.5),
        _by_the_clock(found, DURABLE, SYNCED, 1.5),
        _by_the_clock(found, RESTORED, WARM),
        *(compared(found, name, HASHED) for name in peers),
    ]


def _by_the_clock(found: dict[str, Cost], ours: str, theirs: str, allowed: float | None = None) -> Row:
    return Row(ours, found[ours].wall, theirs, found[theirs].wall, allowed, found[ours], "s")


def _notes(found: dict[str, Cost], peers: list[str]) -> list[str]:
    missing = [program for name, program in PEERS.items() if name not in peers]
    told = [
        "The limit reads each file once through hashlib and writes nothing; the backup also copies, renames into place"
        " by content and fsyncs each file, and writes the manifest.",
        "The restore is compared by the clock, from a store that is not in memory, as a backup is that nobody has read:"
        " with cp up to where every byte is verified and can be read, with cp and sync up to its end, all on disk.",
    ]
    return [*told, *([f"Not installed and so not in the table: {', '.join(missing)}."] if missing else [])]


def made(home: Path, megabytes: int) -> None:
    """A table of that size that cannot be compressed, and its two releases: the second has 1 % other files."""
    import numpy as np
    import polars as pl

    from opetence_assets.lake.commits import commit, stage
    from opetence_assets.lake.places import lake_at
    from opetence_assets.lake.releases import publish

    lake, chance = lake_at(settings_of(home)), np.random.default_rng(1)
    home.mkdir(parents=True, exist_ok=True)

    def files(number: int) -> list[Any]:
        found: list[Any] = []
        for _ in range(number):
            file = home / "part.parquet"
            values = chance.integers(0, 2**62, megabytes * 125_000 // FILES)
            pl.DataFrame({"value": values}).write_parquet(file, compression="uncompressed")
            found.append(stage(lake, KEY, file))
        return found

    schema = pl.DataFrame({"value": [1]}).to_arrow().schema
    first = files(FILES)
    publish(lake, {KEY: commit(lake, KEY, schema=schema, add=first)}, {}, base=0)
    few = FILES // 100
    changed = commit(lake, KEY, schema=schema, add=files(few), remove=first[:few])
    publish(lake, {KEY: changed}, {}, base=1)


def _gone(home: Path, name: str) -> None:
    """Emptied and moved away: deleted files would cost the next ones, ext4 passes over names that are fresh ruins."""
    if (home / name).exists():
        for file in (home / name).rglob("*"):
            if file.is_file():
                file.chmod(0o600)
                os.truncate(file, 0)
        (home / name).rename(mkdtemp(prefix="gone-", dir=home))


def _cold(home: Path, name: str) -> None:
    """Also pushes the store out of the page cache: nobody reads a backup before he needs it. What another contender
    left to be written is written first: the disk is this one's alone."""
    _gone(home, name)
    os.sync()
    for file in (home / "backups").rglob("*"):
        if file.is_file():
            with file.open("rb") as opened:
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _begun(home: Path, program: str) -> None:
    """An empty repository."""
    _gone(home, program)
    init = ["restic", "init", "--repo"] if program == "restic" else ["borg", "init", "--encryption=none"]
    subprocess.run([*init, str(home / program)], check=True, capture_output=True, env={**os.environ, **ALONE})


def hashed(home: str) -> Iterator[Any]:
    import hashlib

    files = sorted((Path(home) / "lake" / "bronze").rglob("*.parquet"))[:FILES]
    yield
    for path in files:
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256")
    yield {}


def backed_up(home: str, day: str, number: int = 1) -> Iterator[Any]:
    import deltalake

    from opetence_assets.backup.snapshot import snapshot
    from opetence_assets.lake.releases import release

    del deltalake
    lake, store = _places(home)
    of = release(lake, number)
    yield
    snapshot(lake, store, zone="bronze", partition=day, release=of)
    yield {}


def verified(home: str) -> Iterator[Any]:
    from opetence_assets.backup.manifests import manifests
    from opetence_assets.backup.verify import verify

    _, store = _places(home)
    first = manifests(store)[0]
    yield
    assert verify(store, first) == []
    yield {}


def restored(home: str) -> Iterator[Any]:
    """Up to where cp is when it ends: all is there, none of it was forced to disk."""
    restoring, moment = _restoring(home)
    yield
    with suppress(_Moment):
        restoring(tell=moment)
    yield {}


def durable(home: str) -> Iterator[Any]:
    restoring, _ = _restoring(home)
    yield
    restoring()
    yield {}


class _Moment(Exception):
    """All that was asked for is in its place."""


def _restoring(home: str) -> tuple[Callable[..., object], Callable[[str, int, int], None]]:
    """A restore that waits to be begun, and who ends it when its last table was verified."""
    import deltalake
    import pyarrow.parquet as pq

    from opetence_assets.backup.manifests import manifests
    from opetence_assets.backup.restore import restore
    from opetence_assets.lake.places import place_at

    del deltalake, pq
    _, store = _places(home)
    into = Path(home) / "restored"
    first = manifests(store)[:1]

    def moment(label: str, done: int, total: int) -> None:
        if label == first[0].zone and done == total:
            raise _Moment

    lake, keys = place_at(str(into / "lake")), into / "keys.sqlite"
    return partial(restore, store, first, into=lake, keys_into=keys), moment


def copied(home: str) -> Iterator[Any]:
    yield
    subprocess.run(["cp", "-a", f"{home}/backups/objects", f"{home}/copied"], check=True)
    yield {}


def synced(home: str) -> Iterator[Any]:
    yield
    subprocess.run(["cp", "-a", f"{home}/backups/objects", f"{home}/copied"], check=True)
    subprocess.run(["sync", "--file-system", f"{home}/copied"], check=True)
    yield {}


def restic(home: str) -> Iterator[Any]:
    yield
    command = ["restic", "backup", "--repo", f"{home}/restic", "--compression", "off", f"{home}/lake/bronze"]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **ALONE})
    yield {}


def borg(home: str) -> Iterator[Any]:
    yield
    command = ["borg", "create", "--compression", "none", f"{home}/borg::one", f"{home}/lake/bronze"]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **ALONE})
    yield {}


def _places(home: str) -> tuple[Any, Any]:
    from opetence_assets.lake.places import lake_at, place_at

    settings = settings_of(Path(home))
    return lake_at(settings), place_at(settings.backups, settings.storage_options)
