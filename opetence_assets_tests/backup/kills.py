"""kill -9 in backups, copies, restores, collections and healing: ``python -m opetence_assets_tests.backup.kills 300``.

Each kill hits one job before a random change of the disk. Whatever it left, what has a manifest is whole and verify
has nothing to say; the job run again is as if nothing had happened; and when all is let go, a day later no file is left
but those that somebody owns.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pyrage import x25519  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]

from opetence_assets.backup.choosing import newest_whole
from opetence_assets.backup.collection import Collected, collect, copy_missing
from opetence_assets.backup.copies import Copy, copies_of
from opetence_assets.backup.heads import head_path
from opetence_assets.backup.healing import healed
from opetence_assets.backup.keeping import Keep
from opetence_assets.backup.keys import snapshot_keys
from opetence_assets.backup.manifests import manifests
from opetence_assets.backup.objects import object_path
from opetence_assets.backup.policy import Policy, read_policy
from opetence_assets.backup.restore import UNDER_WAY, restore
from opetence_assets.backup.snapshot import ARCHIVE, ZONES, snapshot
from opetence_assets.backup.verify import verify
from opetence_assets.lake.places import Lake, listing, place_at
from opetence_assets.lake.releases import current_release
from opetence_assets.settings import read_settings
from opetence_assets_tests.backup.conftest import refreshed
from opetence_assets_tests.conftest import environment
from opetence_assets_tests.lake.kills import exit_code, steps_of
from opetence_assets_tests.lake.rows import tree

DAYS, WEEK = ("2026-11-16", "2026-11-17"), "2026-11-16"
NOW = datetime(2026, 11, 18, 2, tzinfo=UTC)


@dataclass(frozen=True)
class World:
    """One company in a folder; a child opens it anew from these few words.

    Attributes:
        identity: the secret key of the offsite copy.
        restic: whether restic has a copy too; each call costs it half a second, for its key.
    """

    folder: Path
    identity: str
    restic: bool = False

    @property
    def lake(self) -> Lake:
        return place_at(str(self.folder / "lake"))

    @property
    def store(self) -> Lake:
        return place_at(str(self.folder / "backups"))

    @property
    def policy(self) -> Policy:
        """The package's, less production."""
        found = read_policy()
        return replace(found, zones={name: found.zones[name] for name in (*ZONES, ARCHIVE, "keys")})

    @property
    def copies(self) -> Mapping[str, Copy]:
        recipient = x25519.Identity.from_str(self.identity).to_public()
        own = {
            "OPETENCE_BACKUPS": self.store.uri,
            "OPETENCE_OFFSITE": str(self.folder / "offsite"),
            "OPETENCE_OFFSITE_RECIPIENTS": str(recipient),
            "OPETENCE_OFFSITE_IDENTITY": self.identity,
        }
        if self.restic:
            own |= {"OPETENCE_RESTIC_REPOSITORY": str(self.folder / "restic"), "OPETENCE_RESTIC_PASSWORD": "a test's"}
        return copies_of(read_settings({**environment(self.folder / "home"), **own}), self.policy)


def made(folder: Path, *, restic: bool = False) -> World:
    """A lake with a release, a key store, and no backup yet."""
    (folder / "keys").mkdir(parents=True)
    with closing(sqlite3.connect(folder / "keys" / "keys.sqlite", isolation_level=None)) as keys:
        keys.execute("CREATE TABLE keys (subject TEXT PRIMARY KEY, wrapped BLOB NOT NULL)")
        keys.execute("CREATE TABLE erased (subject TEXT PRIMARY KEY, at TEXT NOT NULL)")
    world = World(folder, str(x25519.Identity.generate()), restic)
    refreshed(world.lake, folder, 1)
    return world


def back_up(world: World) -> None:
    """Two days of every zone, the keys, and the archive's week."""
    release = current_release(world.lake)
    assert release is not None
    for day in DAYS:
        for zone in ZONES:
            snapshot(world.lake, world.store, zone=zone, partition=day, release=release)
        snapshot_keys(world.store, world.folder / "keys" / "keys.sqlite", partition=day, since=release.created_at)
    snapshot(world.lake, world.store, zone=ARCHIVE, partition=WEEK, release=release)


def copy(world: World) -> None:
    """Both days into every copy, and read back."""
    copy_missing(world.policy, world.copies, world.store, NOW, done := Collected())
    assert not any(done.damages.values())


def let_go(world: World) -> None:
    """Keeps the last partition of each zone alone; the planner keeps that too which has no verified successor."""
    few = {name: replace(rule, keep=Keep(last=1), locked={}) for name, rule in world.policy.zones.items()}
    collect(replace(world.policy, zones=few), world.copies, NOW, Collected(), many=True)


def bring_back(world: World) -> None:
    """Into an empty place, or one that a kill left."""
    into = place_at(str(world.folder / "restored"))
    if current_release(into) is None or UNDER_WAY in listing(into, ""):
        restore(
            world.store,
            newest_whole(world.store, DAYS[-1]),
            into=into,
            keys_into=world.folder / "restored-keys" / "keys.sqlite",
        )


def heal(world: World) -> None:
    healed(world.store, world.lake, manifests(world.store))


# Each job, and those that must have been done before it.
JOBS: Mapping[str, tuple[Callable[[World], None], Sequence[Callable[[World], None]]]] = {
    "back_up": (back_up, ()),
    "copy": (copy, (back_up,)),
    "restore": (bring_back, (back_up,)),
    "collect": (let_go, (back_up, copy)),
    "heal": (heal, (back_up,)),
}


RESTIC = [("copy", 20)] if shutil.which("restic") else []


def do(name: str, world: World) -> None:
    """What a child does; killed, it takes along what it started."""
    JOBS[name][0](world)


def prepared(name: str, folder: Path, *, restic: bool = False) -> World:
    """A world that is ready for a job; for ``heal`` every data file of the lake is lost or torn."""
    world = made(folder, restic=restic)
    for before in JOBS[name][1]:
        before(world)
    if name == "heal":
        for number, file in enumerate(sorted(Path(world.lake.uri).rglob("*.parquet"))):
            if "_delta_log" not in file.parts:
                file.unlink() if number % 2 else file.write_bytes(b"torn")
    a_day_later(world)
    return world


def a_day_later(world: World) -> None:
    """A day goes by for every file."""
    for file in world.folder.rglob("*"):
        if file.is_file() and not file.is_relative_to(world.folder / "restic"):
            os.utime(file, (0, 0))


@contextmanager
def undone(world: World) -> Generator[None]:
    """What is done to a world is undone; in its own place, for a copy that moves is unproven."""
    saved = world.folder.with_name(f"{world.folder.name}-saved")
    shutil.copytree(world.folder, saved)
    try:
        yield
    finally:
        shutil.rmtree(world.folder)
        saved.rename(world.folder)


def rehearsed(name: str, world: World, step: int) -> list[str]:
    """Kills a job before a step, in a world that is ready for it and is so again; what was wrong then or later."""
    with undone(world):
        code = exit_code(step, do, (name, world))
        wrong = [] if code == -signal.SIGKILL else [f"ended with {code}"]
        wrong += [f"verify after the kill: {damage}" for damage in verify(world.store)]
        wrong += _unrestorable(world, "after the kill")
        do(name, world)
        wrong += [f"verify after the second run: {damage}" for damage in verify(world.store)]
        if name == "restore":
            wrong += _other(world, world.folder / "restored")
        for job in (heal, back_up, copy):
            if name != "collect":
                job(world)
        a_day_later(world)
        let_go(world)
        heal(world)
        wrong += [f"verify after all: {damage}" for damage in verify(world.store)] + _unrestorable(world, "after all")
        wrong += [f"orphaned: {path}" for path in orphans(world)]
    return [f"{name}, step {step}: {one}" for one in wrong]


def _unrestorable(world: World, when: str) -> list[str]:
    """Restores every finished backup alone."""
    wrong: list[str] = []
    for manifest in manifests(world.store):
        place = world.folder / "tried"
        if manifest.zone != "keys":
            restore(world.store, [manifest], into=place_at(str(place)), keys_into=place / "keys.sqlite")
            wrong += _other(world, place, manifest.tables)
        shutil.rmtree(place, ignore_errors=True)
    return [f"{when}: {one}" for one in wrong]


def _other(world: World, folder: Path, tables: Collection[str] | None = None) -> list[str]:
    """The tables whose rows are not those of the lake's release."""
    release, lake = current_release(world.lake), place_at(str(folder))
    assert release is not None
    wanted = {key: version for key, version in release.versions.items() if tables is None or key in tables}
    restored = current_release(lake) or current_release(place_at(str(folder / "lake")))
    found = restored.versions if restored else {}
    return [] if found == wanted else [f"restored {found}; backed up: {wanted}"]


def orphans(world: World) -> list[str]:
    """Files in a store or the offsite copy that nobody owns."""
    found = manifests(world.store)
    owned = {path for one in found for path in (one.path, head_path(one.path, one.sha256))}
    owned |= {object_path(digest) for one in found for digest in one.hashes}
    held = {(name, *of) for name, one in world.copies.items() for of in one.holdings()}
    here = [path for path in tree(Path(world.store.uri)) if path not in owned]
    wrong = [path for path in here if not (path.startswith("proofs/") and tuple(path.split("/")[1:4]) in held)]
    seals = [path for path in tree(world.folder / "offsite") if path.startswith("seals/")]
    sealed = {*seals}
    for seal in seals:
        sealed |= json.loads((world.folder / "offsite" / seal).read_bytes().partition(b"\n")[2])["files"].keys()
    wrong += [f"offsite/{path}" for path in tree(world.folder / "offsite") if path not in sealed]
    places = (world.lake.uri, world.folder / "restored", world.folder / "restored-keys", world.folder / "keys")
    return wrong + [str(path) for place in places for path in Path(place).rglob("*.tmp*")]


def main(number: int, seed: int = 0) -> int:
    """Spreads so many kills over the jobs, a few of them with restic; prints what came of them; 1 if any was wrong."""
    chance, wrong, done = random.Random(seed), list[str](), 0
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as place:
        for name, few in (*((name, number) for name in JOBS), *RESTIC):
            ready = prepared(name, Path(place) / f"{name}-{few}", restic=(name, few) in RESTIC)
            share = -(-few // len(JOBS))
            with undone(ready):
                steps = steps_of(do, (name, ready))
            for step in sorted(chance.choices(range(steps), k=share)):
                wrong += rehearsed(name, ready, step)
                done += 1
            sys.stdout.write(f"{name}: {steps} steps, {done} kills so far, {len(wrong)} wrong\n")
            sys.stdout.flush()
    sys.stdout.write("\n".join([*wrong[:20], f"{done} kills: {len(wrong)} wrong", ""]))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 300))
