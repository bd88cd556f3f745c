"""A company whose backups live through years: the real jobs on real files, told what time it is."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyrage import x25519  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]

from opetence_assets.backup.collection import Collected, CopiesFailed, TooMany, collect, copy_missing
from opetence_assets.backup.copies import Copy, copies_of
from opetence_assets.backup.copying import begun, blobs, ended, looked_through
from opetence_assets.backup.keys import snapshot_keys
from opetence_assets.backup.manifests import Manifest, manifest_paths, read_manifest
from opetence_assets.backup.policy import Policy, read_policy
from opetence_assets.backup.restore import restore
from opetence_assets.backup.snapshot import ARCHIVE, ZONES, snapshot
from opetence_assets.lake.commits import commit
from opetence_assets.lake.places import Lake, place_at
from opetence_assets.lake.releases import Release, publish
from opetence_assets.lake.tables import open_table
from opetence_assets.lake.verdicts import record
from opetence_assets.settings import read_settings
from opetence_assets_tests.backup.conftest import BRONZE, GOLD, SILVER
from opetence_assets_tests.backup.expected import Expected
from opetence_assets_tests.backup.light_restic import initialized
from opetence_assets_tests.backup.listed import Records, wrong_in_restic, wrong_in_store, wrong_offsite
from opetence_assets_tests.conftest import environment
from opetence_assets_tests.lake.rows import frame, schema_of, staged

START = datetime(2014, 1, 6, 2, 30, tzinfo=UTC)  # a Monday, and long ago: no file may be of the real today
HOURS = (0, 12)  # of production's, but in one week of each half year, which has all of them
DAY = timedelta(days=1)
PASSWORD = "restic's own"
FILES = 6  # of a table, before they are made one


@dataclass
class Life:
    """A company's backups, and what is known of them from having been there.

    Attributes:
        away: the copy that cannot be reached, and until when.
        strays: what killed jobs left, by copy and path, and when.
        markers: what a person's key looks like → the objects that hold it.
        erased: when a person was.
        seen: how often what happened.
    """

    folder: Path
    rng: random.Random
    policy: Policy
    copies: Mapping[str, Copy]
    expected: Expected
    releases: list[Release] = field(default_factory=list[Release])
    now: datetime = START
    away: tuple[str, datetime] | None = None
    held_until: datetime = START
    records: Records = field(default_factory=Records)
    strays: dict[tuple[str, str], datetime] = field(default_factory=dict[tuple[str, str], datetime])
    markers: dict[bytes, set[str]] = field(default_factory=dict[bytes, set[str]])
    erased: dict[bytes, datetime] = field(default_factory=dict[bytes, datetime])
    seen: Counter[str] = field(default_factory=Counter[str])

    @property
    def lake(self) -> Lake:
        return place_at(str(self.folder / "lake"))

    @property
    def store(self) -> Lake:
        return place_at(str(self.folder / "backups"))

    @property
    def keys(self) -> Path:
        return self.folder / "keys" / "keys.sqlite"

    @property
    def reached(self) -> Collection[str]:
        return [name for name in self.copies if not self.away or name != self.away[0]]


def begun_life(folder: Path, seed: int, *, restic: bool = False) -> Life:
    """A lake with a release, a key store, and no backup yet; ``restic`` for a second copy too."""
    identity = x25519.Identity.generate()
    own = {
        "OPETENCE_BACKUPS": str(folder / "backups"),
        "OPETENCE_OFFSITE": str(folder / "offsite"),
        "OPETENCE_OFFSITE_RECIPIENTS": str(identity.to_public()),
        "OPETENCE_OFFSITE_IDENTITY": str(identity),
        **(initialized(folder / "restic", PASSWORD) if restic else {}),
    }
    policy = read_policy()
    copies = copies_of(read_settings({**environment(folder / "home"), **own}), policy)
    life = Life(folder, random.Random(seed), policy, copies, Expected(list(copies)))
    life.keys.parent.mkdir()
    with closing(opened_keys(life)) as keys:
        keys.execute("CREATE TABLE keys (subject TEXT PRIMARY KEY, wrapped BLOB NOT NULL)")
        keys.execute("CREATE TABLE erased (subject TEXT PRIMARY KEY, at TEXT NOT NULL)")
    released(life)
    return life


def opened_keys(life: Life) -> sqlite3.Connection:
    connection = sqlite3.connect(life.keys, isolation_level=None)
    connection.execute("PRAGMA secure_delete = ON")
    return connection


def released(life: Life) -> None:
    """A file more in each table, and a release; now and then all of a table's become one."""
    number, lake, versions = len(life.releases) + 1, life.lake, dict[str, int]()
    for key in (BRONZE, SILVER, GOLD):
        table, rows = open_table(lake, key), frame(number)
        old = table.files if table and len(table.files) >= FILES else ()
        consumed = {"consumed": {BRONZE: versions[BRONZE]}} if key == SILVER else {"cursor": number}
        new = [staged(lake, life.folder, rows, key)]
        versions[key] = commit(lake, key, schema=schema_of(rows), add=new, remove=old, metadata=consumed)
        record(lake, key, versions[key], [])
    life.releases.append(publish(lake, versions, {"run": number}))


@contextmanager
def clock(life: Life) -> Generator[None]:
    """What gets its name is of the told time: copies and collection go by when a file was written."""
    link, rename = os.link, os.rename

    def dated(change: Callable[[str, str], None]) -> Callable[[str, str], None]:
        def changed(source: str, target: str) -> None:
            change(source, target)
            os.utime(target, (life.now.timestamp(), life.now.timestamp()))

        return changed

    os.link, os.rename = dated(link), dated(rename)
    try:
        yield
    finally:
        os.link, os.rename = link, rename


def backed_up(life: Life, day: datetime, *, late: bool = False) -> None:
    """The partitions of a day that has ended; ``late``, only of zones that are what the lake was then."""
    release, named = life.releases[-1], f"{day:%Y-%m-%d}"
    for zone in ZONES:
        _made(life, snapshot(life.lake, life.store, zone=zone, partition=named, release=release))
    if day.weekday() == 6:
        week = f"{day - 6 * DAY:%Y-%m-%d}"
        _made(life, snapshot(life.lake, life.store, zone=ARCHIVE, partition=week, release=release))
    if late:
        return
    _keys_made(life, named)
    often = day.isocalendar().week % 26 == 1
    (life.folder / "wal").mkdir(exist_ok=True)
    (life.folder / "wal" / "base").write_bytes(life.rng.randbytes(500))
    for hour in range(24) if often else HOURS:
        (life.folder / "wal" / "log").write_bytes(life.rng.randbytes(100))
        copying = begun(life.store, "production", f"{day:%Y-%m-%d}T{hour:02}")
        looked_through(copying)
        made = ended(copying, life.now, files=blobs(copying, Lake(str(life.folder / "wal")), {"base": 500, "log": 100}))
        assert made is not None
        _made(life, made)


def _made(life: Life, manifest: Manifest) -> Mapping[str, int]:
    life.expected.made((manifest.zone, manifest.partition), manifest.path, life.now)
    return life.records.seen(life.folder / "backups", manifest.path)


def _keys_made(life: Life, partition: str) -> None:
    """Notes whose key is in which object: what erasure must reach."""
    since = life.releases[-1].created_at
    (digest,) = _made(life, snapshot_keys(life.store, life.keys, partition=partition, since=since))
    data = (life.folder / "backups" / "objects" / digest[:2] / digest).read_bytes()
    for marker, objects in life.markers.items():
        if marker in data:
            objects.add(digest)


def copied(life: Life) -> None:
    """A round of copies; one that cannot be reached is said, and the others are as they must be."""
    done = Collected()
    with _failing(life):
        copy_missing(life.policy, life.copies, life.store, life.now, done)
    assert not any(done.damages.values()), done.damages
    taken = life.expected.copied(life.policy, life.now, life.reached)
    assert len(done.steps) == taken, (taken, done.steps)
    life.seen["partitions taken"] += taken
    compare(life)


def collected(life: Life) -> None:
    """A collection; a person is asked exactly when the model says so."""
    going = life.expected.going(life.policy, life.now, life.reached)
    is_much = life.expected.is_much(going)
    if is_much:
        with pytest.raises(TooMany):
            collect(life.policy, life.copies, life.now, Collected())
        life.seen["asked a person"] += 1
    with _failing(life):
        collect(life.policy, life.copies, life.now, Collected(), many=is_much)
    for name, of in going:
        del life.expected.there[name][of]
    life.seen["partitions let go"] += len(going)
    reached = life.reached
    life.strays = {at: when for at, when in life.strays.items() if at[0] not in reached or when >= life.now - DAY}
    compare(life)


def _failing(life: Life) -> AbstractContextManager[object]:
    """Whatever is out of reach is named, once all is done in the others."""
    return pytest.raises(CopiesFailed, match=life.away[0]) if life.away else nullcontext()


def compare(life: Life) -> None:
    """Every copy holds what it must and nothing else; no key of a person is there who was erased a while ago."""
    life.seen["comparisons"] += 1
    there, records = life.expected.there, life.records
    addresses = {name: copy.address for name, copy in life.copies.items()}
    strays = {name: {path for one, path in life.strays if one == name} for name in life.copies}
    wrong = wrong_in_store(life.folder / "backups", addresses, there, records, strays["store"])
    if "offsite" in life.reached:
        wrong += wrong_offsite(life.folder / "offsite", there["offsite"], records, strays["offsite"])
    if "restic" in life.reached and "restic" in life.copies:
        wrong += wrong_in_restic(life.folder / "restic", PASSWORD, there["restic"], records)
    manifests = {path for held in there.values() for one in held.values() for path in one.manifests if "/keys/" in path}
    held = {digest for path in manifests for digest in records.needs[path]}
    for marker, at in life.erased.items():
        if at + life.policy.erasure <= life.now and life.markers[marker] & held:
            wrong.append(f"the key of somebody erased on {at} is in {life.markers[marker] & held}")
    assert not wrong, (life.now, wrong[:10])


def brought_back(life: Life) -> None:
    """A partition from each copy alone, restored into an empty place."""
    for name in life.reached:
        of = life.rng.choice(sorted(of for of in life.expected.there[name] if of[0] in (*ZONES, ARCHIVE)))
        place = life.folder / "tried"
        fetched, into = place_at(str(place / "store")), place_at(str(place / "lake"))
        life.copies[name].fetch([of], fetched, None)
        manifest = read_manifest(fetched, manifest_paths(fetched, *of)[-1])
        restore(fetched, [manifest], into=into, keys_into=place / "keys.sqlite")
        life.seen["restored"] += 1
        shutil.rmtree(place)
