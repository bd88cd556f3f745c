"""A release comes back as of any moment, from the lake's own history or from one copy alone, on an empty machine."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from opetence_assets.backup.choosing import RestoreRefused
from opetence_assets.backup.thawing import StillFrozen
from opetence_assets.command.moments import patient
from opetence_assets.lake.places import Lake, place_at
from opetence_assets.lake.releases import all_releases, current_release
from opetence_assets_tests.backup.conftest import GOLD, SILVER
from opetence_assets_tests.backup.test_restore import same
from opetence_assets_tests.command.conftest import Company, Opetence
from opetence_assets_tests.lake.rows import ids, tree


def restored(opetence: Opetence, *arguments: Any) -> dict[str, Any]:
    done = opetence("restore", *arguments, "--json")
    assert (done.exit_code, done.exception) == (0, None), done.output
    return json.loads(done.stdout)


def lake_in(place: Path) -> Lake:
    return place_at(str(place / "lake"))


def test_without_more_the_newest_backup_comes_back(company: Company, opetence: Opetence, tmp_path: Path) -> None:
    done = restored(opetence, tmp_path / "new")
    assert (done["from"], done["release"]) == ("store", 1)
    same(company.lake, lake_in(tmp_path / "new"), company.release)
    assert (tmp_path / "new" / "keys" / "keys.sqlite").exists()
    assert f"OPETENCE_HOME={tmp_path / 'new'}" in done["next"]
    again = opetence("restore", tmp_path / "new")
    assert isinstance(again.exception, RestoreRefused)


def test_any_moment_comes_back_from_the_lakes_history(company: Company, opetence: Opetence, tmp_path: Path) -> None:
    company.refreshed(tmp_path, 10)
    before = tree(company.home / "lake")
    moment = company.release.created_at + timedelta(microseconds=1)
    done = restored(opetence, "--into", tmp_path / "new", "--as-of", moment.isoformat())
    assert (done["from"], done["release"], done["older_seconds"]) == ("lake", 1, 0.0)
    same(company.lake, lake_in(tmp_path / "new"), company.release)
    assert tree(company.home / "lake") == before
    assert not list((tmp_path / "new" / "scratch").iterdir())


def test_what_the_lake_lost_comes_from_the_store(company: Company, opetence: Opetence, tmp_path: Path) -> None:
    saved = place_at(str(shutil.copytree(company.home / "lake", tmp_path / "saved")))
    next((company.home / "lake" / GOLD).glob("*.parquet")).unlink()
    moment = (company.release.created_at + timedelta(seconds=5)).isoformat()
    done = restored(opetence, "--into", tmp_path / "new", "--as-of", moment)
    assert (done["from"], done["older_seconds"]) == ("store", 5.0)
    same(saved, lake_in(tmp_path / "new"), company.release)
    refused = opetence("restore", "--into", tmp_path / "other", "--as-of", moment, "--from", "lake")
    assert GOLD in str(refused.exception)


def test_part_of_it_comes_back(company: Company, opetence: Opetence, tmp_path: Path) -> None:
    one = restored(opetence, "--into", tmp_path / "one", "--dataset", "shop/orders", "--zone", "silver")
    assert {row["table"] for row in one["tables"]} == {SILVER, "quarantine/shop/orders"}
    moment = company.release.created_at.isoformat()
    for source in ("lake", "store"):
        place = tmp_path / source
        gold = restored(opetence, "--into", place, "--zone", "gold", "--from", source, "--as-of", moment)
        assert [row["table"] for row in gold["tables"]] == [GOLD]
        assert ids(lake_in(place), GOLD) == ids(company.lake, GOLD)
    day = restored(opetence, "--into", tmp_path / "day", "--partition", company.day)
    assert len(day["tables"]) == 4
    for wrong in (("--dataset", "shop/nothing"), ("--partition", "2020-01-01")):
        assert isinstance(opetence("restore", tmp_path / "none", *wrong).exception, RestoreRefused)


def test_in_place_is_a_new_release(company: Company, opetence: Opetence, tmp_path: Path) -> None:
    company.refreshed(tmp_path, 10)
    lost = next((company.home / "lake" / GOLD).glob("*.parquet"))
    lost.unlink()
    moment = company.release.created_at.isoformat()
    done = restored(opetence, "--in-place", "--as-of", moment, "--from", "store")
    assert (done["release"], done["as"]) == (3, 1)
    current = current_release(company.lake)
    assert current is not None
    assert current.versions == company.release.versions
    assert len(all_releases(company.lake)) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        ("--into", "x", "--as-of", "2026-11-21T15:30:00"),
        ("--into", "x", "--as-of", "yesterday"),
        ("--into", "x", "--zone", "copper"),
        ("--into", "x", "--from", "lake", "--partition", "2026-11-21"),
        ("--into", "x", "--from", "restic-of-nobody"),
        ("--into", "x", "--production"),
        ("--in-place",),
        (),
    ],
)
def test_what_is_not_clear_is_refused(
    wrong: tuple[str, ...], company: Company, opetence: Opetence, tmp_path: Path
) -> None:
    done = opetence("restore", *wrong)
    assert done.exit_code != 0
    assert not (tmp_path / "x" / "lake").exists()


def test_an_empty_machine_needs_one_copy_and_its_key(
    company: Company, opetence: Opetence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert opetence("backup", "copy").exit_code == 0
    company.refreshed(tmp_path, 10)  # lost: nobody backed it up
    saved = place_at(str((company.home / "lake").rename(tmp_path / "saved")))
    shutil.rmtree(company.home)
    monkeypatch.delenv("OPETENCE_OFFSITE_RECIPIENTS")
    monkeypatch.setenv("OPETENCE_HOME", str(tmp_path / "empty"))
    done = restored(opetence, "--into", tmp_path / "new", "--from", "offsite")
    assert (done["from"], done["release"]) == ("offsite", 1)
    same(saved, lake_in(tmp_path / "new"), company.release)
    assert (tmp_path / "new" / "keys" / "keys.sqlite").exists()
    early = (company.release.created_at - timedelta(days=400)).isoformat()
    refused = opetence("restore", "--into", tmp_path / "early", "--from", "offsite", "--as-of", early)
    assert isinstance(refused.exception, RestoreRefused)


def test_whoever_waits_asks_again_every_quarter_of_an_hour(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slept, answers = list[float](), iter([StillFrozen("up to 48 hours", 48), StillFrozen("up to 48 hours", 48)])
    monkeypatch.setattr("tenacity.nap.time.sleep", slept.append)

    def fetch() -> str:
        for frozen in answers:
            raise frozen
        return "fetched"

    assert patient(True)(fetch) == "fetched"
    assert slept == [900.0, 900.0]
    assert capsys.readouterr().err.count("up to 48 hours") == 2
    answers = iter([StillFrozen("up to 48 hours", 48)])
    with pytest.raises(StillFrozen):
        patient(False)(fetch)


def test_a_bucket_can_be_where_it_goes(
    company: Company, opetence: Opetence, bucket: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import closing

    from opetence_assets.backup.locks import bucket_of, client_of

    into = place_at(f"s3://restored-{uuid4().hex[:8]}/lake", bucket)
    with closing(client_of(into)) as client:
        client.create_bucket(Bucket=bucket_of(into)[0])
    for name, value in bucket.items():
        monkeypatch.setenv(name, value)
    restored(opetence, "--into", into.uri)
    assert current_release(into) == company.release
    assert ids(into, GOLD) == ids(company.lake, GOLD)
