"""The runbook's commands bring the company back from the disaster that their heading names."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from pyrage import x25519  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]

from opetence_assets.backup.locks import bucket_of, client_of
from opetence_assets.lake.places import Lake, listing, place_at
from opetence_assets.lake.releases import current_release
from opetence_assets_tests.backup.conftest import GOLD
from opetence_assets_tests.backup.test_attack import a_second_later
from opetence_assets_tests.backup.test_restore import same
from opetence_assets_tests.command.conftest import Company, Opetence, company, opetence
from opetence_assets_tests.lake.rows import tree
from opetence_assets_tests.places import short
from opetence_assets_tests.postgres.production import production, receiving

__all__ = ["company", "opetence"]
PAGE = Path(__file__).parents[2] / "docs" / "runbooks" / "disaster.md"
restic = pytest.mark.skipif(not shutil.which("restic"), reason="restic is not installed: apt-get install restic")


def sections() -> dict[str, list[str]]:
    """Heading → the commands of its blocks, in order; "" is what comes before the first."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    texts = {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}
    return {
        heading: [line for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
        for heading, text in texts.items()
    }


def follow(heading: str, opetence: Opetence, monkeypatch: pytest.MonkeyPatch, **chosen: object) -> list[str]:
    """Does what a section says; what each command printed."""
    for name, value in chosen.items():
        monkeypatch.setenv(name, str(value))
    said: list[str] = []
    for line in sections()[heading]:
        command, _, comment = line.removeprefix("$ ").partition("   #")
        words = [os.path.expandvars(word) for word in shlex.split(command)]
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            monkeypatch.setenv(name, value)
            continue
        assert words[0] == "opetence"
        done = opetence(*words[1:])
        expected = 1 if comment.startswith(" exit code 1") else 0
        assert done.exit_code == expected, f"{line}\n{done.output}\n{done.exception}"
        said.append(done.output)
    return said


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "new place"


@pytest.fixture
def copied(company: Company, opetence: Opetence, monkeypatch: pytest.MonkeyPatch) -> Company:
    """Every copy has everything; the store is no part of the home."""
    monkeypatch.setenv("OPETENCE_BACKUPS", company.store.uri)
    assert opetence("backup", "copy").exit_code == 0
    return company


def lost(company: Company, tmp_path: Path, *, store: bool = False) -> Lake:
    """Takes the lake (and the store) away; what the lake was."""
    saved = shutil.move(company.home / "lake", tmp_path / "saved")
    shutil.rmtree(company.home / "keys")
    if store:
        shutil.rmtree(company.store.uri)
    return place_at(str(saved))


def test_every_section_with_commands_is_run() -> None:
    run = set(re.findall(r'follow\(\s*"([^"]*)"', Path(__file__).read_text()))
    assert {heading for heading, commands in sections().items() if commands} == run


def test_the_first_look(company: Company, opetence: Opetence, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "gold" in follow("", opetence, monkeypatch)[0]


def test_a_broken_release(
    company: Company, opetence: Opetence, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Path
) -> None:
    good = company.release.created_at
    company.refreshed(tmp_path, 10)
    follow("A release is broken", opetence, monkeypatch, GOOD=good.isoformat(), PLACE=place)
    current = current_release(company.lake)
    assert current is not None
    assert current.versions == company.release.versions
    same(company.lake, place_at(str(place / "lake")), company.release)


def test_lost_files(company: Company, opetence: Opetence, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree(company.home / "lake")
    next((company.home / "lake" / GOLD).glob("*.parquet")).unlink()
    follow("Files of the lake are gone or changed", opetence, monkeypatch)
    assert tree(company.home / "lake") == before


def test_a_deleted_bucket(
    copied: Company, opetence: Opetence, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Path
) -> None:
    saved = lost(copied, tmp_path)
    follow("The lake's bucket is deleted", opetence, monkeypatch, PLACE=place)
    same(saved, place_at(str(place / "lake")), copied.release)


def test_an_attack_on_the_first_copy(
    company: Company, opetence: Opetence, monkeypatch: pytest.MonkeyPatch, bucket: Mapping[str, str], place: Path
) -> None:
    store = place_at(f"s3://near-{uuid4().hex[:8]}/company", bucket)
    for name, value in {**bucket, "OPETENCE_BACKUPS": store.uri}.items():
        monkeypatch.setenv(name, value)
    with closing(client_of(store)) as client:
        client.create_bucket(Bucket=bucket_of(store)[0], ObjectLockEnabledForBucket=True)
        Company(company.home, company.lake, store, company.keys, company.day, company.release).back_up()
        assert opetence("backup", "copy").exit_code == 0
        before = datetime.now(UTC) + timedelta(seconds=1)
        a_second_later(client, store, before)
        for number, name in enumerate(listing(store, "")):
            key = {"Bucket": bucket_of(store)[0], "Key": f"{bucket_of(store)[1]}{name}"}
            client.put_object(**key, Body=b"pay us") if number % 2 else client.delete_object(**key)
    follow(
        "Copy 1 was encrypted or emptied by somebody who had its credentials",
        opetence,
        monkeypatch,
        PLACE=place,
        BEFORE=before.isoformat(),
    )
    same(company.lake, place_at(str(place / "lake")), company.release)


@restic
def test_a_lost_region_by_the_runbook(
    copied: Company, opetence: Opetence, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Path
) -> None:
    saved = lost(copied, tmp_path, store=True)
    monkeypatch.setenv("OPETENCE_HOME", str(tmp_path / "empty"))
    follow("The region is gone", opetence, monkeypatch, PLACE=place)
    for one in (place, place.with_name(f"{place.name}-offsite")):
        same(saved, place_at(str(one / "lake")), copied.release)


@restic
def test_a_lost_password_by_the_runbook(
    copied: Company, opetence: Opetence, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = follow(
        "restic's password is lost",
        opetence,
        monkeypatch,
        NEW_REPOSITORY=tmp_path / "another",
        NEW_PASSWORD="another",
    )
    assert "restic" in said[0]


def test_a_lost_age_key(copied: Company, opetence: Opetence, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    new = x25519.Identity.generate()
    follow(
        "The age key is lost",
        opetence,
        monkeypatch,
        NEW_OFFSITE=tmp_path / "another",
        NEW_RECIPIENTS=new.to_public(),
        NEW_IDENTITY=new,
    )


def test_the_quarters_drill(copied: Company, opetence: Opetence, monkeypatch: pytest.MonkeyPatch) -> None:
    follow("Before any of it", opetence, monkeypatch)


def test_a_lost_database(opetence: Opetence, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(tempfile.mkdtemp(prefix="cpy", dir=short()))
    folder.chmod(0o755)
    try:
        with production() as shop:
            monkeypatch.setenv("OPETENCE_HOME", str(shop.home))
            monkeypatch.setenv("OPETENCE_PRODUCTION_BACKUP_URI", shop.uri)
            with receiving(shop):
                shop.append(3)
                assert opetence("postgres", "backup").exit_code == 0
                shop.append(4)
                shop.await_receipt()
                rows = shop.ask("SELECT count(*) FROM ledger")[0][0]
                rehearsed = opetence("backup", "drill", "production")
                assert rehearsed.exit_code == 0, rehearsed.output
            shop.kill()
            said = follow("The database is gone", opetence, monkeypatch, PLACE=folder / "copy")
        assert re.search(rf"ledger\W+{rows}\b", said[0])
    finally:
        shutil.rmtree(folder)
