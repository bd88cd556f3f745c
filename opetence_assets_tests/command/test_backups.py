"""What is missing is said, and what is said is done."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from opetence_assets.backup.collection import TooMany
from opetence_assets.backup.copies import policy_for
from opetence_assets.backup.policy import FILE, PolicyRefused
from opetence_assets.backup.snapshot import snapshot
from opetence_assets.settings import read_settings
from opetence_assets_tests.command.conftest import Company, Opetence
from opetence_assets_tests.lake.rows import tree


def answer(opetence: Opetence, *arguments: str, code: int = 0) -> Any:
    done = opetence(*arguments, "--json")
    assert (done.exit_code, done.exception if code == 0 else None) == (code, None), done.output
    return json.loads(done.stdout)


def test_status_is_red_until_every_copy_has_everything(company: Company, opetence: Opetence) -> None:
    before = answer(opetence, "backup", "status", code=1)
    assert {row["wrong"] for row in before["partitions"]} == {
        "not in offsite; not read back in store",
    }
    assert opetence("backup", "status").exit_code == 1
    copied = answer(opetence, "backup", "copy")
    assert {row["copy"]: row["partitions"] for row in copied["copies"]} == {"store": 0, "offsite": 4}
    after = answer(opetence, "backup", "status")
    assert [(zone["zone"], zone["copies"], zone["media"], zone["sites"], zone["wrong"]) for zone in after["zones"]] == [
        (zone, 2, 2, 2, "") for zone in ("bronze", "silver", "gold", "keys")
    ]
    assert "unproven" in opetence("backup", "status", "--partitions").output


def test_production_is_red_for_a_zone_without_any_backup(
    company: Company, opetence: Opetence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPETENCE_ENV", "production")
    refused = opetence("backup", "status")
    assert isinstance(refused.exception, PolicyRefused)
    assert "found no address of the copies restic" in str(refused.exception)
    monkeypatch.setenv("OPETENCE_RESTIC_REPOSITORY", str(company.home / "none"))
    monkeypatch.setenv("OPETENCE_RESTIC_PASSWORD", "a test's own")
    found = answer(opetence, "backup", "status", code=1)
    assert [line.partition(":")[0] for line in found["missing"]] == ["production", "archive"]


def test_nothing_at_all_is_red(company: Company, opetence: Opetence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPETENCE_BACKUPS", str(company.home / "elsewhere"))
    assert "no backup at all" in answer(opetence, "backup", "status", code=1)["missing"][0]


def test_plan_explains_every_decision_and_changes_nothing(company: Company, opetence: Opetence, tmp_path: Path) -> None:
    before = tree(tmp_path)
    steps = answer(opetence, "backup", "plan")["steps"]
    assert all(step["reason"] for step in steps)
    assert {(step["zone"], step["copy"]) for step in steps if step["action"] == "copy"} == {
        (zone, "offsite") for zone in ("bronze", "silver", "gold", "keys")
    }
    few, every = opetence("backup", "plan").output, opetence("backup", "plan", "--all").output
    assert len(few.splitlines()) < len(every.splitlines())
    assert tree(tmp_path) == before


def test_collect_does_what_plan_said_and_much_only_when_told(
    company: Company, opetence: Opetence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(1, 13):
        snapshot(company.lake, company.store, zone="gold", partition=f"2026-03-{day:02d}", release=company.release)
    answer(opetence, "backup", "copy")
    strict = FILE.read_text().replace("[zones.gold]\nevery", "[zones.gold]\n# few\nevery")
    head, _, rest = strict.partition("# few")
    few = rest.replace("daily = 30", "daily = 2", 1).replace('back = "29d"', 'back = "1d"', 1)
    few = few.replace('store = "7d", offsite = "29d"', 'store = "1d", offsite = "1d"', 1)
    (tmp_path / "policy.toml").write_text(head + few)
    monkeypatch.setenv("OPETENCE_BACKUP_POLICY", str(tmp_path / "policy.toml"))
    assert policy_for(read_settings()).zones["gold"].keep.daily == 2
    for path in tmp_path.rglob("*"):
        os.utime(path, (0, 0))  # its locks have ended
    said = {
        (step["copy"], step["partition"])
        for step in answer(opetence, "backup", "plan")["steps"]
        if step["action"] == "delete"
    }
    assert len(said) == 22
    assert isinstance(opetence("backup", "collect").exception, TooMany)
    done = answer(opetence, "backup", "collect", "--many")
    assert {(step["copy"], step["partition"]) for step in done["steps"]} == said


def test_heal_puts_back_what_the_lake_lost(company: Company, opetence: Opetence) -> None:
    assert answer(opetence, "backup", "heal")["files"] == []
    before = tree(company.home / "lake")
    lost = sorted((company.home / "lake").rglob("*.parquet"))[:2]
    lost[0].unlink()
    lost[1].write_bytes(b"other bytes")
    found = answer(opetence, "backup", "heal", "--dry-run", code=1)
    assert sorted(one["what"] for one in found["files"]) == ["missing", "other bytes than were backed up"]
    assert tree(company.home / "lake") != before
    assert answer(opetence, "backup", "heal")["files"] == found["files"]
    assert tree(company.home / "lake") == before


def test_a_drill_proves_what_it_restored(company: Company, opetence: Opetence) -> None:
    answer(opetence, "backup", "copy")
    done = answer(opetence, "backup", "drill", "company", "--from", "offsite")
    assert (done["copy"], done["tables"], done["wrong"]) == ("offsite", 4, [])
    zones = answer(opetence, "backup", "status")["zones"]
    assert [zone["restored"] for zone in zones] == [1] * 4
    assert isinstance(opetence("backup", "drill", "--from", "nowhere").exception, PolicyRefused)


def test_in_a_folder_nothing_moves(company: Company, opetence: Opetence) -> None:
    assert answer(opetence, "backup", "tiers", "--apply")["moves"] == []
