"""Damage done at random to a store of several days and to its offsite copy: found, named, and never restored.

``python -m opetence_assets_tests.backup.damages 10000`` does so much; the suite does a small share. After each damage
exactly the files that were touched must be named, with every table and file that they belong to; what is restored from
the day must be what was recorded, or refused; and once the bytes are back nothing may be named.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

from pyrage import x25519  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]

from opetence_assets.backup.choosing import RestoreRefused
from opetence_assets.backup.collection import Collected, copy_missing, decided
from opetence_assets.backup.copies import Copy, copies_of
from opetence_assets.backup.copy_offsite import AGE, IDENTITY
from opetence_assets.backup.keys import snapshot_keys
from opetence_assets.backup.manifests import Manifest, manifests, put_manifest
from opetence_assets.backup.objects import BackupDamaged, object_path
from opetence_assets.backup.planning import Action
from opetence_assets.backup.policy import Policy, read_policy
from opetence_assets.backup.proofs import READ, Proof, prove
from opetence_assets.backup.restore import restore
from opetence_assets.backup.snapshot import ZONES, snapshot
from opetence_assets.backup.verify import verify
from opetence_assets.lake.places import Lake, place_at
from opetence_assets.settings import Settings, read_settings
from opetence_assets_tests.backup.conftest import refreshed
from opetence_assets_tests.conftest import environment
from opetence_assets_tests.lake.rows import tree

DAYS = ("2026-11-19", "2026-11-20", "2026-11-21")
NOW = datetime(2026, 11, 22, 2, tzinfo=UTC)
Owners = Mapping[str, set[tuple[str, str]]]
"""File in a store → the tables and files that it belongs to; none of a manifest's."""


@dataclass(frozen=True)
class World:
    """A store as it should be, and all that is known of it.

    Attributes:
        contents: by day, the restored data files and their hashes.
        keys: what the key store of each day must come back as.
    """

    folder: Path
    store: Lake
    policy: Policy
    settings: Settings
    copies: Mapping[str, Copy]
    found: Mapping[str, Manifest]
    owners: Owners
    offsite: Path
    contents: Mapping[str, Mapping[str, str]]
    keys: Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Done:
    """A damage: the bytes to put back (None: there was no such file), and the files that must be named."""

    before: Mapping[Path, bytes | None]
    named: set[str]


def made(folder: Path) -> World:
    """Three days of three zones and their keys, in the store and offsite."""
    lake, store = place_at(str(folder / "lake")), place_at(str(folder / "backups"))
    identity = x25519.Identity.generate()
    own = {
        "OPETENCE_BACKUPS": store.uri,
        "OPETENCE_OFFSITE": str(folder / "offsite"),
        "OPETENCE_OFFSITE_RECIPIENTS": str(identity.to_public()),
        "OPETENCE_OFFSITE_IDENTITY": str(identity),
    }
    settings = read_settings({**environment(folder / "home"), **own})
    keys, rows = folder / "live.sqlite", list[dict[str, str]]()
    with closing(sqlite3.connect(keys, isolation_level=None)) as live:
        live.execute("CREATE TABLE keys (subject TEXT PRIMARY KEY, wrapped BLOB NOT NULL)")
        live.execute("CREATE TABLE erased (subject TEXT PRIMARY KEY, at TEXT NOT NULL)")
        for number, day in enumerate(DAYS):
            live.execute("INSERT INTO keys VALUES (?, ?)", (f"user:{number}", os.urandom(60)))
            rows.append({row[0]: sha256(row[1]).hexdigest() for row in live.execute("SELECT * FROM keys")})
            release = refreshed(lake, folder, 1 + 10 * number)
            for zone in ZONES:
                snapshot(lake, store, zone=zone, partition=day, release=release)
            snapshot_keys(store, keys, partition=day, since=release.created_at)
    found = read_policy()
    policy = replace(found, zones={name: rule for name, rule in found.zones.items() if name in (*ZONES, "keys")})
    copies = {name: copy for name, copy in copies_of(settings, policy).items() if name in ("store", "offsite")}
    copy_missing(policy, copies, store, NOW, done := Collected())
    assert not any(done.damages.values())
    known = {one.path: one for one in manifests(store)}
    contents = {day: restored(store, day, folder / f"as-of-{day}") for day in DAYS}
    return World(folder, store, policy, settings, copies, known, _owners(known), folder / "offsite", contents, rows)


def _owners(found: Mapping[str, Manifest]) -> Owners:
    owners: dict[str, set[tuple[str, str]]] = {}
    for manifest in found.values():
        owners[manifest.path] = {("", "")}
        for key, path, stored in manifest.contents():
            owners.setdefault(object_path(stored.sha256), set()).add((key, path))
    return owners


def restored(store: Lake, day: str, into: Path) -> dict[str, str]:
    """A day's release, restored: its data files and their hashes, and the rows of its key store."""
    keys = into / "keys.sqlite"
    try:
        restore(store, partition=day, into=place_at(str(into / "lake")), keys_into=keys)
        data = {path: content for path, content in tree(into / "lake").items() if "_delta_log" not in path}
        found = {path: sha256(content).hexdigest() for path, content in data.items() if not path.startswith("releases")}
        with closing(sqlite3.connect(keys)) as opened:
            return found | {row[0]: sha256(row[1]).hexdigest() for row in opened.execute("SELECT * FROM keys")}
    finally:
        shutil.rmtree(into, ignore_errors=True)


def changed(kind: str, data: bytes, chance: random.Random) -> bytes | None:
    """What a file is after a damage; None where it is gone."""
    at = chance.randrange(len(data))
    return {
        "flipped": data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :],
        "truncated": data[:at],
        "extended": data + chance.randbytes(chance.randint(1, 99)),
        "emptied": b"",
        "deleted": None,
    }[kind]


def _one(kind: str, what: str, world: World, chance: random.Random) -> Done:
    """One file changed: an object or manifest in the store; an object, manifest or seal offsite."""
    place, _, folder = what.partition("/")
    root = Path(world.store.uri) if place == "store" else world.offsite
    file = chance.choice(sorted(file for file in (root / folder).rglob("*") if file.is_file()))
    done = Done({file: file.read_bytes()}, {str(file.relative_to(root))})
    _put(file, changed(kind, file.read_bytes(), chance))
    return done


def _swapped(what: str, world: World, chance: random.Random) -> Done:
    """Two files of a kind exchanged: each is whole, under the wrong name."""
    place, _, folder = what.partition("/")
    root = Path(world.store.uri) if place == "store" else world.offsite
    one, other = chance.sample(sorted(file for file in (root / folder).rglob("*") if file.is_file()), 2)
    before = {file: file.read_bytes() for file in (one, other)}
    _put(one, before[other])
    _put(other, before[one])
    return Done(before, {str(file.relative_to(root)) for file in before})


def _newest_gone(world: World, chance: random.Random) -> Done:
    """A stale head: the newest manifest of a zone is gone, and no other speaks of it."""
    path = max(_of_a_zone(world, chance))
    file = Path(world.store.address(path))
    done = Done({file: file.read_bytes()}, {path})
    file.unlink()
    return done


def _of_a_zone(world: World, chance: random.Random) -> list[str]:
    zone = chance.choice([*ZONES, "keys"])
    return [path for path, manifest in world.found.items() if manifest.zone == zone]


def _replaced(proof: bool, world: World, chance: random.Random) -> Done:
    """Another day's content under a manifest's name, genuine by its own hash; with a proof that praises it."""
    paths = sorted(_of_a_zone(world, chance))
    old, over = (world.found[path] for path in chance.sample(paths, 2))
    forged = replace(old, partition=over.partition, revision=over.revision, parent=over.parent)
    file, scratch = Path(world.store.address(over.path)), place_at(str(world.folder / "forged"))
    before: dict[Path, bytes | None] = {file: file.read_bytes()}
    written = put_manifest(scratch, replace(forged, parent_sha256=over.parent_sha256))
    assert written
    _put(file, Path(scratch.address(over.path)).read_bytes())
    shutil.rmtree(scratch.uri)
    if proof:
        at = datetime.fromtimestamp(chance.randrange(10**9), UTC)
        known = set(Path(world.store.uri, "proofs").rglob("*"))
        prove(
            world.store,
            Proof("store", world.store.uri, over.path, written.sha256, READ, at, {"full_at": at.isoformat()}),
        )
        before |= dict.fromkeys(set(Path(world.store.uri, "proofs").rglob("*")) - known)
    return Done(before, {over.path})


def _other_keys(world: World, chance: random.Random) -> Done:
    """A key store that opens, of another company, where the backup of the keys was."""
    manifest = world.found[chance.choice([path for path, one in world.found.items() if one.zone == "keys"])]
    (digest,) = manifest.hashes
    file, other = Path(world.store.address(object_path(digest))), world.folder / "other.sqlite"
    done = Done({file: file.read_bytes()}, {object_path(digest)})
    shutil.copyfile(file, other)
    with closing(sqlite3.connect(other, isolation_level=None)) as opened:
        opened.execute("UPDATE keys SET wrapped = ?", (chance.randbytes(60),))
    _put(file, other.read_bytes())
    return done


def _put(file: Path, data: bytes | None) -> None:
    if data is None:
        file.unlink(missing_ok=True)
    else:
        file.write_bytes(data)


Damage = Callable[[World, random.Random], Done]
DAMAGES: dict[str, Damage] = {
    **{
        f"{kind} {what}": partial(_one, kind, what)
        for kind in ("flipped", "truncated", "extended", "emptied", "deleted")
        for what in ("store/objects", "store/manifests", "offsite/objects", "offsite/manifests", "offsite/seals")
    },
    **{f"swapped {what}": partial(_swapped, what) for what in ("store/objects", "store/manifests")},
    **{f"swapped {what}": partial(_swapped, what) for what in ("offsite/objects", "offsite/seals")},
    "newest store/manifests gone": _newest_gone,
    "replaced store/manifests": partial(_replaced, False),
    "replaced store/manifests, with a proof": partial(_replaced, True),
    "other keys in store/objects": _other_keys,
}


def found_by_verify(world: World, where: str) -> dict[str, set[tuple[str, str]]]:
    """What the store's verify, or the offsite copy's check and the planner, name."""
    named: dict[str, set[tuple[str, str]]] = {}
    if where == "store":
        for one in verify(world.store):
            named.setdefault(one.path, set()).add((one.table, one.file))
        return named
    copy = world.copies["offsite"]
    for of in copy.holdings():
        for one in copy.check(of, ()):
            named.setdefault(one.path, set()).add((one.table, one.file))
    both = {"offsite": copy, "store": world.copies["store"]}
    steps = decided(world.policy, both, NOW, done := Collected())
    done.finished()
    for step in steps:
        if step.action is Action.COPY:
            named[f"seals/{step.zone}/{step.partition}/000000.json"] = {("", "")}
    return named


def judged(world: World, kind: str, chance: random.Random) -> list[str]:
    """Does one damage and undoes it; what went wrong."""
    where = "offsite" if "offsite" in kind else "store"
    done = DAMAGES[kind](world, chance)
    wrong: list[str] = []
    if all(before == (file.read_bytes() if file.exists() else None) for file, before in done.before.items()):
        wrong.append("changed nothing")
    named = found_by_verify(world, where)
    if named.keys() != done.named:
        wrong.append(f"named {sorted(named)}; damaged: {sorted(done.named)}")
    elif where == "store":
        wrong += [f"{path}: named {named[path]}" for path in done.named if named[path] != world.owners[path]]
    wrong += _restored_wrongly(world, where, done.named, chance)
    for file, before in done.before.items():
        _put(file, before)
    if chance.random() < 0.1 and (named := found_by_verify(world, where)):
        wrong.append(f"named {sorted(named)} after the repair")
    return [f"{kind}: {one}" for one in wrong]


def _restored_wrongly(world: World, where: str, named: set[str], chance: random.Random) -> list[str]:
    """Restores a day that needs what is damaged, from the copy alone; nothing may come but what was recorded."""
    days = sorted({day for day in DAYS for path in named if day in path} or _days(world, named))
    day = chance.choice(days or DAYS)
    place, store = world.folder / f"drill-{chance.getrandbits(64):x}", world.store
    try:
        if where == "offsite":
            store = place_at(str(place / "store"))
            copy = world.copies["offsite"]
            copy.fetch([(zone, day) for zone in (*ZONES, "keys")], store, None)
        found = restored(store, day, place / "into")
    except (BackupDamaged, RestoreRefused):
        return []
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return [] if found in _recorded(world, day) else [f"restored {day} silently and otherwise than recorded"]


def _days(world: World, named: set[str]) -> set[str]:
    wanted = {path.removesuffix(".age") for path in named}
    return {one.partition for one in world.found.values() if wanted & {object_path(digest) for digest in one.hashes}}


def _recorded(world: World, day: str) -> list[Mapping[str, str]]:
    """What the day may come back as: with the newest keys, or with those of a day when the newest are damaged."""
    data = {path: digest for path, digest in world.contents[day].items() if not path.startswith("user:")}
    return [{**data, **one} for one in world.keys]


def opens_with_another_key(world: World) -> bool:
    """Whether somebody else's secret key opens the offsite copy, or names no file that it could not open."""
    other = str(x25519.Identity.generate())
    settings = replace(world.settings, variables={**world.settings.variables, IDENTITY: other})
    copy, into = copies_of(settings, world.policy)["offsite"], world.folder / "stolen"
    try:
        copy.fetch(list(copy.holdings()), place_at(str(into)), None)
    except BackupDamaged as error:
        return AGE not in str(error) or bool(tree(into))
    finally:
        shutil.rmtree(into, ignore_errors=True)
    return True


def main(number: int, seed: int = 0) -> int:
    """Does so many damages, each kind as often, and prints what came of them; 1 if anything was wrong."""
    chance, wrong = random.Random(seed), list[str]()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        world = made(Path(folder))
        for one in range(number):
            kind = list(DAMAGES)[one % len(DAMAGES)]
            wrong += judged(world, kind, chance)
            if one % 100 == 0 and opens_with_another_key(world):
                wrong.append("another key opens the offsite copy")
            if one % 1000 == 999:
                sys.stdout.write(f"{one + 1:,} damages, {len(wrong)} not found, not located or restored silently\n")
                sys.stdout.flush()
    sys.stdout.write("\n".join([*wrong[:20], f"{number:,} damages of {len(DAMAGES)} kinds: {len(wrong)} wrong", ""]))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
