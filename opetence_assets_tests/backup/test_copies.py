"""Each copy alone brings everything back, is read without the others, and lets go only what it is told to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyrage import x25519  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]

from opetence_assets.backup.collection import Collected, TooMany, collect, copy_missing
from opetence_assets.backup.copies import Copy, copies_of
from opetence_assets.backup.manifests import manifests
from opetence_assets.backup.objects import BackupDamaged, object_path
from opetence_assets.backup.policy import Policy, read_policy
from opetence_assets.backup.restore import restore
from opetence_assets.backup.snapshot import snapshot
from opetence_assets.backup.standing import asked_of, standings
from opetence_assets.lake.places import Lake, place_at
from opetence_assets.lake.releases import Release
from opetence_assets.settings import Settings, read_settings
from opetence_assets_tests.backup.conftest import refreshed
from opetence_assets_tests.backup.light_restic import initialized
from opetence_assets_tests.backup.test_restore import same
from opetence_assets_tests.conftest import environment
from opetence_assets_tests.lake.rows import tree
from opetence_assets_tests.lake.scenarios import DAY, back_up

NOW = datetime(2026, 11, 22, 2, tzinfo=UTC)
restic = pytest.mark.skipif(not shutil.which("restic"), reason="restic is not installed: apt-get install restic")
each = pytest.mark.parametrize("name", ["store", pytest.param("restic", marks=restic), "offsite"])


@pytest.fixture
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """Every copy in a folder of its own."""
    identity = x25519.Identity.generate()
    own = {
        "OPETENCE_BACKUPS": str(tmp_path / "backups"),
        "OPETENCE_OFFSITE": str(tmp_path / "offsite"),
        "OPETENCE_OFFSITE_RECIPIENTS": str(identity.to_public()),
        "OPETENCE_OFFSITE_IDENTITY": str(identity),
    }
    if "restic" in request.node.name:
        own |= initialized(tmp_path / "restic", "a test's own")
    return read_settings({**environment(tmp_path / "home"), **own})


@pytest.fixture
def policy(settings: Settings) -> Policy:
    """The package's, less the zones that need a server."""
    found = read_policy()
    return replace(
        found, zones={name: rule for name, rule in found.zones.items() if name not in ("production", "archive")}
    )


@pytest.fixture
def copies(settings: Settings, policy: Policy) -> dict[str, Copy]:
    return copies_of(settings, policy)


@pytest.fixture
def copied(
    lake: Lake, store: Lake, release: Release, keys: Path, policy: Policy, copies: Mapping[str, Copy]
) -> Collected:
    """One day, in every copy."""
    back_up(lake, store, keys)
    done = Collected()
    copy_missing(policy, copies, store, NOW, done)
    return done


def test_every_copy_takes_what_the_policy_wants_there_once(
    copied: Collected, copies: Mapping[str, Copy], policy: Policy, store: Lake
) -> None:
    zones = {("bronze", DAY), ("silver", DAY), ("gold", DAY), ("keys", DAY)}
    assert all(set(copy.holdings()) == zones for copy in copies.values())
    assert {name: found for name, found in copied.damages.items() if found} == {}
    again = Collected()
    copy_missing(policy, copies, store, NOW, again)
    assert again.steps == []
    for name in set(copies) - {"store"}:
        assert copied.copied_bytes[name] > 0


def test_nobody_but_the_key_holder_reads_the_offsite_copy(copied: Collected, settings: Settings, store: Lake) -> None:
    offsite = Path(settings.variables["OPETENCE_OFFSITE"])
    assert all(data.startswith(b"age-encryption.org") for path, data in tree(offsite).items() if path.endswith(".age"))
    for path in ("objects", "manifests"):
        assert (offsite / path).exists()
    without = {name: value for name, value in settings.variables.items() if name != "OPETENCE_OFFSITE_IDENTITY"}
    blind = copies_of(replace(settings, variables=without), read_policy())["offsite"]
    assert blind.check(("gold", DAY), ()) == []
    with pytest.raises(BackupDamaged, match="OPETENCE_OFFSITE_IDENTITY"):
        blind.fetch([("gold", DAY)], place_at(str(offsite.parent / "x")), None)


@each
def test_a_copy_alone_brings_the_release_back_and_finds_a_flipped_byte(
    name: str, copied: Collected, copies: Mapping[str, Copy], lake: Lake, release: Release, tmp_path: Path, store: Lake
) -> None:
    flipped = tmp_path / {"store": "backups/objects", "restic": "restic/data", "offsite": "offsite/objects"}[name]
    fetched = place_at(str(tmp_path / "fetched"))
    there = list(copies[name].holdings())
    copies[name].fetch(there, fetched, None)
    into = place_at(str(tmp_path / "into"))
    restore(fetched, into=into, keys_into=tmp_path / "restored.sqlite")
    same(lake, into, release)
    flip(flipped)
    found = 0
    for of in there:
        try:
            found += len(copies[name].check(of, ()))
        except BackupDamaged:
            found += 1
    assert found


def flip(folder: Path) -> None:
    """One byte in the middle of the largest file."""
    file = max((file for file in folder.rglob("*") if file.is_file()), key=lambda file: file.stat().st_size)
    file.chmod(0o600)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@each
def test_what_the_policy_keeps_no_longer_goes_and_the_rest_stays(
    name: str, copied: Collected, copies: Mapping[str, Copy], lake: Lake, store: Lake, policy: Policy, tmp_path: Path
) -> None:
    later, newer = NOW + timedelta(days=4), refreshed(lake, tmp_path, 10)
    gold = replace(policy.zones["gold"], keep=replace(policy.zones["gold"].keep, daily=2), locked={})
    few = replace(policy, zones={**policy.zones, "gold": gold})
    for day in ("2026-11-23", "2026-11-24"):
        snapshot(lake, store, zone="gold", partition=day, release=newer)
    only = {name: copies[name], "store": copies["store"]}
    collect(few, only, later, done := Collected())
    assert done.steps == []  # nobody has read what came after it
    copy_missing(few, only, store, later, Collected())
    locked = replace(gold, locked=policy.zones["gold"].locked)
    collect(replace(few, zones={**few.zones, "gold": locked}), {"store": only["store"]}, later, done)
    assert done.steps == []  # no rule keeps it, its lock does
    for path in Path(store.uri).rglob("*"):
        os.utime(path, (0, 0))
    collect(few, only, later, done)
    assert {(step.copy, step.zone, step.partition) for step in done.steps} == {(one, "gold", DAY) for one in only}
    there = copies[name].holdings()
    assert {("bronze", DAY), ("silver", DAY), ("gold", "2026-11-24")} <= set(there)
    assert [copies[name].check(of, ()) for of in there] == [[]] * 5


def test_many_at_once_are_a_persons_decision(
    copied: Collected, copies: Mapping[str, Copy], lake: Lake, store: Lake, policy: Policy, release: Release
) -> None:
    for day in range(1, 25):
        snapshot(lake, store, zone="gold", partition=f"2026-10-{day:02d}", release=release)
    copy_missing(policy, {"store": copies["store"]}, store, NOW, Collected())
    gold = replace(policy.zones["gold"], keep=replace(policy.zones["gold"].keep, daily=3), locked={})
    mistyped = replace(policy, zones={**policy.zones, "gold": gold})
    only = {"store": copies["store"]}
    with pytest.raises(TooMany, match="store: found 22 partitions of gold to delete and 3 to keep"):
        collect(mistyped, only, NOW, Collected())
    assert len(manifests(store, "gold")) == 25
    collect(mistyped, only, NOW, Collected(), many=True)
    assert len(manifests(store, "gold")) == 3


def test_nothing_is_swept_while_a_manifest_cannot_be_read(
    copied: Collected, copies: Mapping[str, Copy], store: Lake, policy: Policy
) -> None:
    manifest = manifests(store, "gold")[0]
    path = Path(store.address(manifest.path))
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(BackupDamaged, match="cannot be read"):
        copies["store"].sweep(NOW + timedelta(days=99))
    assert all(Path(store.address(object_path(digest))).exists() for digest in manifest.hashes)


def test_a_laptop_is_asked_for_the_copies_it_was_told_of(
    copied: Collected, copies: Mapping[str, Copy], store: Lake, policy: Policy
) -> None:
    only = {"store": copies["store"]}
    asked = {place: asked_of(policy, only, place) for place in ("local", "production")}
    assert not any(one.wrong for one in standings(asked["local"], only, store, NOW))
    assert all(one.wrong for one in standings(asked["production"], only, store, NOW))


def test_a_partition_says_what_is_missing(
    copied: Collected, copies: Mapping[str, Copy], store: Lake, policy: Policy
) -> None:
    two = {wrong for one in standings(policy, copies, store, NOW) for wrong in one.wrong}
    assert two == {"not in restic", "2 of 3 copies"}
    poorer = {name: copy for name, copy in copies.items() if name == "store"}
    (gold,) = [one for one in standings(policy, poorer, store, NOW) if one.zone == "gold"]
    assert {"not in restic", "not in offsite", "1 of 3 copies", "none elsewhere"} <= set(gold.wrong)
    overdue = standings(policy, copies, store, NOW + timedelta(days=1))
    assert ("gold", "2026-11-22", ()) in {(one.zone, one.partition, one.copies) for one in overdue}
    assert not any(one.restored for one in overdue)
