"""A drill restores what a copy has, finds what differs, leaves nothing behind, and is red when it is overdue."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from opetence_assets.backup.choosing import newest_whole
from opetence_assets.backup.collection import Collected
from opetence_assets.backup.copies import Copy
from opetence_assets.backup.drills import Drilled, drill, drills, fingerprint, overdue
from opetence_assets.backup.proofs import RESTORED, proven
from opetence_assets.lake.places import Lake, place_at
from opetence_assets.lake.tables import open_table
from opetence_assets_tests.backup.conftest import GOLD, SILVER
from opetence_assets_tests.backup.test_copies import copied, copies, flip, policy, settings
from opetence_assets_tests.lake.rows import appended, frame

__all__ = ["copied", "copies", "policy", "settings"]
LATER = datetime.now(UTC) + timedelta(days=1)  # what is drilled is made now: a date that is written down would pass


def drilled(copy: Copy, lake: Lake, store: Lake, scratch: Path, *fails: str, at: datetime = LATER) -> Drilled:
    def judge(_: Lake, key: str) -> list[str]:
        return ["unique_key: found 2"] if key in fails else []

    chosen = newest_whole(store)
    return drill("company", copy, chosen, original=lake, store=store, scratch=scratch, now=at, judge=judge)


@pytest.mark.parametrize("name", ["store", "offsite"])
def test_a_drill_measures_what_came_back(
    name: str, copied: Collected, copies: Mapping[str, Copy], lake: Lake, store: Lake, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    done = drilled(copies[name], lake, store, scratch)
    assert (done.wrong, done.tables, done.rows) == ((), 4, 5)
    assert done.seconds > 0
    assert 0 < done.lost_seconds <= 86_400
    assert {zone for zone, _ in done.partitions} == {"bronze", "silver", "gold", "keys"}
    assert len(proven(store, name, copies[name].address, RESTORED)) == 4
    assert list(scratch.iterdir()) == []
    assert [one.seconds for one in drills(store, "company")] == [done.seconds]


def test_a_check_that_fails_on_what_was_restored_fails_the_drill(
    copied: Collected, copies: Mapping[str, Copy], lake: Lake, store: Lake, tmp_path: Path
) -> None:
    done = drilled(copies["store"], lake, store, tmp_path / "scratch", SILVER)
    assert done.wrong == (f"{SILVER}: unique_key: found 2",)
    assert proven(store, "store", store.uri, RESTORED) == set()
    assert f"failed on {LATER:%Y-%m-%d}" in (overdue(store, "company", LATER) or "")


def test_a_damaged_copy_fails_the_drill_and_is_named(
    copied: Collected, copies: Mapping[str, Copy], lake: Lake, store: Lake, tmp_path: Path
) -> None:
    flip(tmp_path / "offsite" / "objects")
    done = drilled(copies["offsite"], lake, store, tmp_path / "scratch")
    assert any("BackupDamaged: objects/" in wrong for wrong in done.wrong), done.wrong
    assert drilled(copies["store"], lake, store, tmp_path / "scratch", at=LATER + timedelta(1)).wrong == ()


def test_rows_of_another_version_have_another_fingerprint(lake: Lake, tmp_path: Path) -> None:
    versions = [appended(lake, tmp_path, frame(*ids), GOLD) for ids in ((1, 2), (3,))]
    tables = [open_table(lake, GOLD, version) for version in versions]
    found = [fingerprint(table) for table in tables if table]
    assert [one["rows"] for one in found] == [2, 3]
    assert found[0] != found[1]
    again = open_table(lake, GOLD)
    assert again is not None
    assert fingerprint(again) == found[1]


def test_a_drill_is_overdue_from_the_first_backup_on(
    copied: Collected, copies: Mapping[str, Copy], lake: Lake, store: Lake, tmp_path: Path
) -> None:
    today = datetime.now(UTC)
    assert overdue(place_at(str(tmp_path / "nothing")), "zone", today) is None
    assert overdue(store, "zone", today + timedelta(days=8)) is None
    assert "never done since the first backup" in (overdue(store, "zone", today + timedelta(days=10)) or "")
    drilled(copies["store"], lake, store, tmp_path / "scratch", at=today)
    assert overdue(store, "company", today + timedelta(days=99)) is None
    assert "overdue by 2 days" in (overdue(store, "company", today + timedelta(days=102, hours=1)) or "")
