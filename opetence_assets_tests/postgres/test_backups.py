"""Production's backup on a real server: exact restores, accidents, refusals; one server for all of it."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from typer.testing import CliRunner

from opetence_assets.backup.copies import copies_of
from opetence_assets.backup.objects import object_path
from opetence_assets.backup.policy import read_policy
from opetence_assets.backup.production import snapshot_production
from opetence_assets.backup.verify import verify
from opetence_assets.command.app import app
from opetence_assets.dataset import DataError
from opetence_assets.lake.places import Lake, read
from opetence_assets.postgres import recover
from opetence_assets.postgres.basebackups import BASES, backups, made
from opetence_assets.postgres.binaries import FOLDER, programs
from opetence_assets.postgres.recover import recovered
from opetence_assets.postgres.standing import standing
from opetence_assets.postgres.stream import lag
from opetence_assets.postgres.trimming import trimmed
from opetence_assets.settings import read_settings
from opetence_assets_tests.conftest import environment
from opetence_assets_tests.postgres.production import (
    PUBLIC,
    SECRET,
    Production,
    kill_receiver,
    ledger_of,
    passable_folder,
    production,
    receiver_of,
    receiving,
    restored,
)
from opetence_assets_tests.postgres.restores import kill_often

RECEIVE = "from opetence_assets.command.postgres import receive; receive()"

MAKE = """import os, sys; from pathlib import Path; from opetence_assets.postgres.basebackups import made
made(Path(sys.argv[1]), sys.argv[2], "2026-01-01T12", os.environ)"""


@pytest.fixture(scope="module")
def shop() -> Iterator[Production]:
    """A full and an incremental backup, rows before, between and after them, and all of the log."""
    with production() as shop:
        with receiving(shop):
            shop.append(20)
            made(shop.folder, shop.uri, "2026-01-01T10", os.environ)
            shop.append(20)
            made(shop.folder, shop.uri, "2026-01-01T11", os.environ)
            shop.append(60)
            shop.await_receipt()
        yield shop


def test_the_first_is_full_the_next_holds_what_changed(shop: Production) -> None:
    full, incremental = backups(shop.folder)[:2]
    assert (full.parent, incremental.parent) == (None, "2026-01-01T10")
    assert incremental.bytes < full.bytes / 3
    assert made(shop.folder, shop.uri, "2026-01-01T11", os.environ) == incremental


def test_any_moment_comes_back_exactly(shop: Production) -> None:
    full, incremental = backups(shop.folder)[:2]
    between = full.finished_at + (incremental.started_at - full.finished_at) * random.random()
    for target in (between, incremental.finished_at + timedelta(milliseconds=50)):
        with restored(shop, target) as copy:
            assert ledger_of(copy) == shop.committed(target)
            assert copy.rows["shop.public.ledger"] == shop.committed(target)
            assert copy.reached_at is None or copy.reached_at <= target


def test_a_moment_after_the_last_commit_comes_back_while_the_shop_is_idle(shop: Production) -> None:
    with receiving(shop):
        target = shop.now()
        shop.await_receipt()
        with restored(shop, target) as copy:
            assert ledger_of(copy) == shop.committed(target)


def test_a_moment_that_was_not_received_is_refused_with_the_nearest_that_was(shop: Production, tmp_path: Path) -> None:
    first = backups(shop.folder)[0].finished_at
    cases = {
        first - timedelta(seconds=1): f"from {first.isoformat(sep=' ')}"[:30],
        shop.now() + timedelta(hours=1): "up to ",
        first.replace(tzinfo=None): "without a zone",
    }
    for target, told in cases.items():
        with pytest.raises(DataError, match="allowed: ") as refusal:
            recovered(shop.folder, target, tmp_path / "copy", os.environ)
        assert told in str(refusal.value)
    assert not (tmp_path / "copy").exists()


def test_programs_of_another_version_are_named(shop: Production) -> None:
    with pytest.raises(DataError, match=r"allowed: 17 or newer"):
        programs({}, 16)
    older = programs({}, backups(shop.folder)[0].major).folder.parents[1] / "pginstall" / "bin"
    with pytest.raises(DataError, match=r"pg_basebackup is of version 16; .*allowed: .* of version 18"):
        programs({FOLDER: str(older)}, 18)
    with pytest.raises(DataError, match=r"pg_basebackup is missing"):
        programs({FOLDER: "/nowhere"}, 18)


@pytest.mark.parametrize("place", ["a file", "the checksum"])
def test_a_flipped_byte_is_refused_and_leaves_no_copy(shop: Production, tmp_path: Path, place: str) -> None:
    """In a file, packed anew, only the manifest finds it; in gzip's checksum only gzip, once it is read to its end.

    Never just anywhere in the archive: one byte in the packing of a long row of zeros can unpack to the same zeros.
    """
    damaged = tmp_path / "damaged"
    shutil.copytree(shop.folder, damaged)
    archive = damaged / BASES / "2026-01-01T10" / "base.tar.gz"
    if place == "a file":
        content = bytearray(gzip.decompress(archive.read_bytes()))
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            content[tar.getmember("global/pg_control").offset_data] ^= 1
        archive.write_bytes(gzip.compress(content, 1))
    else:
        packed = bytearray(archive.read_bytes())
        packed[-8] ^= 1
        archive.write_bytes(packed)
    with passable_folder() as folder:
        with pytest.raises(DataError, match="damage in base backup 2026-01-01T11"):
            recovered(damaged, None, folder / "copy", os.environ)
        assert not (folder / "copy").exists()


def test_a_folder_closed_to_the_server_is_refused_before_anything_is_unpacked(
    shop: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("the server runs as this user, who can pass")
    monkeypatch.setattr(recover, "laid_out", None)
    with passable_folder() as folder:
        folder.chmod(0o700)
        with pytest.raises(DataError, match=f"{folder} closed to the user"):
            recovered(shop.folder, None, folder / "copy", os.environ)
        assert not (folder / "copy").exists()


def test_a_killed_receiver_comes_back_and_an_orphan_is_taken_over(shop: Production) -> None:
    """Its supervisor is killed first, which leaves it running; then it is killed itself."""
    variables = {**os.environ, "OPETENCE_HOME": str(shop.home), "PYTHONWARNINGS": "ignore"}
    supervisor = subprocess.Popen([sys.executable, "-c", RECEIVE], env=variables)
    shop.await_receipt()
    orphan = receiver_of(shop)
    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait()
    assert orphan.is_running()
    password = urlsplit(shop.uri).password
    assert password
    assert not any(password in argument for argument in orphan.cmdline())
    with receiving(shop):
        shop.append(3)
        shop.await_receipt()
        assert not psutil.pid_exists(orphan.pid) or orphan.status() == psutil.STATUS_ZOMBIE
        kill_receiver(shop)
        shop.append(3)
        shop.await_receipt()
    assert any("ended (-9)" in said for said in shop.said)


def test_a_killed_backup_leaves_nothing_that_looks_like_one(shop: Production) -> None:
    maker = subprocess.Popen([sys.executable, "-c", MAKE, str(shop.folder), shop.uri], start_new_session=True)
    while maker.poll() is None and not list((shop.folder / BASES).glob(".unfinished-*/base.tar.gz")):
        continue
    os.killpg(maker.pid, signal.SIGKILL)
    maker.wait()
    assert "2026-01-01T12" not in {base.name for base in backups(shop.folder)}
    made(shop.folder, shop.uri, "2026-01-01T12", os.environ)
    assert not list((shop.folder / BASES).glob(".unfinished-*"))


def test_the_store_has_all_that_a_restore_needs(
    shop: Production, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hours are snapshotted; the moment between them comes back from the offsite copy alone, by the command."""
    store = Lake(str(tmp_path / "store"))
    with receiving(shop):
        first = made(shop.folder, shop.uri, "2026-01-01T13", os.environ)
        snapshot_production(store, shop.folder, first, [PUBLIC])
        shop.append(5)
        target = shop.now()
        shop.append(5)
        shop.await_receipt()
        second = made(shop.folder, shop.uri, "2026-01-01T14", os.environ)
        manifest = snapshot_production(store, shop.folder, second, [PUBLIC])
    assert snapshot_production(store, shop.folder, second, [PUBLIC]) == manifest
    assert verify(store) == []
    assert all(sealed(store, digest) for digest in manifest.hashes)
    assert manifest.copied_bytes < manifest.bytes / 2
    rows = brought_back(copied_offsite(store, tmp_path), target, monkeypatch)
    assert rows["shop.public.ledger"] == shop.committed(target)
    assert trimmed(shop.folder) >= 0
    with restored(shop, None, store, live=True) as copy:
        assert ledger_of(copy) == shop.committed(shop.now())


def test_a_lost_slot_is_said_and_the_next_backup_is_full(shop: Production) -> None:
    shop.run("ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'", "SELECT pg_reload_conf()")
    for _ in range(50):  # the server also waits for its own summaries
        shop.append(1)
        shop.run("SELECT pg_switch_wal()", "CHECKPOINT")
        slot = lag(shop.uri)
        if slot and slot.status == "lost":
            break
    assert any("slot was lost" in problem for problem in standing(shop.folder, shop.uri).problems)
    with receiving(shop):
        shop.append(2)
        shop.await_receipt()
        assert any("A GAP IN THE LOG" in said for said in shop.said)
        assert any("gap" in problem for problem in standing(shop.folder, shop.uri).problems)
        after = made(shop.folder, shop.uri, "2026-01-01T15", os.environ)
        assert after.parent is None
        assert "gap" in after.full_because
        shop.await_receipt()
        assert standing(shop.folder, shop.uri).problems == ()
        target = shop.now()
        shop.append(2)
        shop.await_receipt()
        with restored(shop, target) as copy:
            assert ledger_of(copy) == shop.committed(target)


def test_what_was_acknowledged_survives_the_death_of_server_and_receiver(shop: Production) -> None:
    lost = kill_often(shop, 1, random.Random(7))["lost seconds"]
    assert isinstance(lost, dict)
    assert lost["most"] <= lost["allowed"]


def copied_offsite(store: Lake, folder: Path) -> dict[str, str]:
    """Both hours in the third copy; the variables of an empty machine that has its key."""
    own = {"OPETENCE_OFFSITE": str(folder / "offsite"), "OPETENCE_OFFSITE_IDENTITY": SECRET}
    home = environment(folder / "home")
    far = copies_of(read_settings({**home, **own, "OPETENCE_BACKUPS": store.uri}), read_policy())["offsite"]
    for hour in ("2026-01-01T13", "2026-01-01T14"):
        far.take(("production", hour), None)
    return {**home, **own, "OPETENCE_HOME": str(folder / "empty"), "OPETENCE_BACKUP_IDENTITY": SECRET}


def brought_back(variables: dict[str, str], target: datetime, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Rows of every table of a copy that ``opetence restore --production`` made."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with passable_folder() as place:
        asked = ["--production", "--from", "offsite", "--as-of", target.isoformat(), "--into", str(place / "copy")]
        done = CliRunner().invoke(app, ["restore", *asked, "--json"])
        assert (done.exit_code, done.exception) == (0, None), done.output
        said = json.loads(done.stdout)
        assert said["base"] == "2026-01-01T13"
        assert [file.name for file in place.iterdir()] == ["copy"]
        assert CliRunner().invoke(app, said["stop"].split()[1:]).exit_code == 0
    return {row["table"]: row["rows"] for row in said["tables"]}


def sealed(store: Lake, digest: str) -> bool:
    return read(store, object_path(digest)).startswith(b"age-encryption.org")
