"""A copy that cannot be reached, was moved, or is locked by somebody who died, holds up nothing that can be done."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from opetence_assets.backup.collection import Collected, CopiesFailed, collect, copy_missing, decided
from opetence_assets.backup.copies import Copy, copies_of
from opetence_assets.backup.copy_restic import ResticFailed
from opetence_assets.backup.manifests import manifests
from opetence_assets.backup.objects import object_path
from opetence_assets.backup.policy import Hold, Policy
from opetence_assets.backup.standing import standings
from opetence_assets.lake.places import Lake, put_new
from opetence_assets.lake.releases import Release
from opetence_assets.settings import Settings, read_settings
from opetence_assets_tests.backup.conftest import GOLD
from opetence_assets_tests.backup.test_copies import NOW, copied, copies, policy, restic, settings
from opetence_assets_tests.lake.rows import tree
from opetence_assets_tests.lake.scenarios import back_up

__all__ = ["copied", "copies", "policy", "settings"]


def test_a_copy_out_of_reach_is_named_and_the_others_go_on(
    copied: Collected, copies: Mapping[str, Copy], policy: Policy, store: Lake, tmp_path: Path
) -> None:
    (tmp_path / "offsite").rename(tmp_path / "away")
    (tmp_path / "offsite").write_text("nobody answers")
    (tmp_path / "backups" / "proofs").rename(tmp_path / "proofs")
    with pytest.raises(CopiesFailed, match=r"offsite: NotADirectoryError: .* for the other copies"):
        copy_missing(policy, copies, store, NOW, Collected())
    assert all(held.verified for held in copies["store"].holdings().values())
    few = {name: replace(rule, keep=replace(rule.keep, last=1), locked={}) for name, rule in policy.zones.items()}
    with pytest.raises(CopiesFailed, match="offsite"):
        collect(replace(policy, zones=few), copies, NOW, Collected())
    told = {wrong for one in standings(policy, copies, store, NOW) for wrong in one.wrong}
    assert "offsite is out of reach" in told
    assert "not in store" not in told
    steps = decided(policy, copies, NOW, planned := Collected())
    assert {step.copy for step in steps} == {"store", "restic"} & set(copies)
    assert set(planned.failed) == {"offsite"}
    (tmp_path / "offsite").unlink()
    (tmp_path / "away").rename(tmp_path / "offsite")
    copy_missing(policy, copies, store, NOW, done := Collected())
    assert not done.failed


def test_a_damaged_partition_is_named_and_the_others_are_copied(
    lake: Lake, store: Lake, release: Release, keys: Path, copies: Mapping[str, Copy], policy: Policy
) -> None:
    back_up(lake, store, keys)
    (gold,) = manifests(store, "gold")
    Path(store.address(object_path(min(gold.hashes)))).unlink()
    copy_missing(policy, copies, store, NOW, done := Collected())
    assert {name: {one.table for one in found} for name, found in done.damages.items() if found} == {
        "store": {GOLD},
        "offsite": {"gold"},
    }
    assert {zone for zone, _ in copies["offsite"].holdings()} == {"bronze", "silver", "keys"}


def test_what_a_hold_wants_and_the_store_let_go_stays_where_it_is(
    copied: Collected, copies: Mapping[str, Copy], policy: Policy, store: Lake
) -> None:
    ((zone, day),) = [of for of in copies["store"].holdings() if of[0] == "gold"]
    copies["store"].drop([(zone, day)])
    held = replace(policy, holds=(Hold(zone, day, day, "court"),))
    copy_missing(held, copies, store, NOW, done := Collected())
    assert done.steps == []
    assert (zone, day) in copies["offsite"].holdings()
    (gold,) = [one for one in standings(held, copies, store, NOW) if (one.zone, one.partition) == (zone, day)]
    assert "not in store" in gold.wrong


def test_a_copy_that_moved_is_unproven_where_it_is_now(
    copied: Collected, copies: Mapping[str, Copy], policy: Policy, store: Lake, settings: Settings, tmp_path: Path
) -> None:
    shutil.copytree(tmp_path / "offsite", tmp_path / "elsewhere")
    moved = replace(settings, variables={**settings.variables, "OPETENCE_OFFSITE": str(tmp_path / "elsewhere")})
    now = copies_of(moved, policy)
    assert not any(held.verified for held in now["offsite"].holdings().values())
    assert {"not read back in offsite"} <= {wrong for one in standings(policy, now, store, NOW) for wrong in one.wrong}
    copy_missing(policy, now, store, NOW, done := Collected())
    assert not any(done.damages.values())
    assert all(held.verified for each in (now, copies) for held in each["offsite"].holdings().values())


def test_credentials_of_restics_address_are_told_to_nobody(settings: Settings, policy: Policy) -> None:
    own = {"OPETENCE_RESTIC_REPOSITORY": "rest:https://us:secret@host/company", "OPETENCE_RESTIC_PASSWORD": "a test's"}
    copy = copies_of(replace(settings, variables={**settings.variables, **own}), policy)["restic"]
    assert copy.address == "rest:https://host/company"


@restic
def test_the_lock_of_a_killed_restic_is_taken_away_and_no_other(
    copied: Collected, copies: Mapping[str, Copy], settings: Settings
) -> None:
    """Somebody backs up from a pipe that never ends, and is killed."""
    repository = Path(settings.variables["OPETENCE_RESTIC_REPOSITORY"])
    environment = {**os.environ, "RESTIC_PASSWORD": settings.variables["OPETENCE_RESTIC_PASSWORD"]}
    command = ["restic", "--repo", str(repository), "backup", "--stdin", "--json"]
    gold = [of for of in copies["restic"].holdings() if of[0] == "gold"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin
        assert other.stdout
        other.stdin.write(os.urandom(1 << 24))
        other.stdin.flush()
        assert list((repository / "locks").iterdir())
        with pytest.raises(ResticFailed, match="already locked"):
            copies["restic"].drop(gold)
        other.send_signal(signal.SIGKILL)
        other.wait()
        other.stdin.close() if not other.stdin.closed else None
    assert list((repository / "locks").iterdir())
    copies["restic"].drop(gold)
    assert not set(gold) & set(copies["restic"].holdings())
    assert not list((repository / "locks").iterdir())


@restic
def test_restic_is_not_asked_where_nothing_went(
    copied: Collected, copies: Mapping[str, Copy], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(Path(settings.variables["OPETENCE_RESTIC_REPOSITORY"]))
    monkeypatch.setenv("PATH", "")
    assert copies["restic"].sweep(NOW + timedelta(days=9)) == 0
    monkeypatch.undo()
    assert tree(Path(settings.variables["OPETENCE_RESTIC_REPOSITORY"])) == before


def test_restics_mirror_of_a_bucket_keeps_nothing_longer_than_the_bucket(
    settings: Settings, policy: Policy, bucket: dict[str, str]
) -> None:
    own = {"OPETENCE_RESTIC_REPOSITORY": "nowhere", "OPETENCE_RESTIC_PASSWORD": "a test's own"}
    there = read_settings({**settings.variables, **bucket, **own, "OPETENCE_BACKUPS": "s3://lake/backups"})
    here, far = Lake(str(settings.scratch / "restic")), Lake("s3://lake/backups", bucket)
    for place, names in (
        (here, ("objects/aa/kept", "objects/bb/gone", "manifests/keys/gone")),
        (far, ("objects/aa/kept",)),
    ):
        for name in names:
            put_new(place, name, b"a file")
    copies_of(there, policy)["restic"].sweep(NOW)
    assert set(tree(Path(here.uri))) == {"objects/aa/kept"}
