"""What was backed up comes back the same, and the platform goes on from it as if nothing had happened."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from opetence_assets.backup.choosing import RestoreRefused
from opetence_assets.backup.keys import snapshot_keys
from opetence_assets.backup.restore import UNDER_WAY, restore
from opetence_assets.backup.snapshot import snapshot
from opetence_assets.lake.places import Lake, place_at
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.queries import query
from opetence_assets.lake.releases import Release, current_release, publish, put_release
from opetence_assets.lake.tables import applied, metadata_of, open_table, transactions_of
from opetence_assets.lake.verdicts import verdict
from opetence_assets_tests.backup.conftest import BRONZE, GOLD, SILVER, refreshed
from opetence_assets_tests.lake.kills import finished, kills
from opetence_assets_tests.lake.rows import appended, frame, ids
from opetence_assets_tests.lake.scenarios import DAY, back_up, bring_back


@pytest.fixture
def into(tmp_path: Path) -> Lake:
    return place_at(str(tmp_path / "restored ü" / "lake"))


@pytest.fixture
def later(lake: Lake, release: Release, tmp_path: Path) -> Release:
    """The second refresh: versions and the release's number are no longer those of a new lake."""
    return refreshed(lake, tmp_path, 10)


def same(lake: Lake, restored: Lake, release: Release) -> None:
    """Everything a reader or the next load asks of a release is alike."""
    assert current_release(restored) == release
    for key, version in release.versions.items():
        wanted, found = open_table(lake, key, version), open_table(restored, key)
        assert wanted is not None
        assert found is not None
        assert (found.version, found.schema) == (wanted.version, wanted.schema)
        assert {file.path: file for file in found.files} == {file.path: file for file in wanted.files}
        assert found.scan().sort("id").collect().equals(wanted.scan().sort("id").collect())
        assert last_progress(restored, key, version) == last_progress(lake, key, version)
        assert transactions_of(restored, key, version) == transactions_of(lake, key, version)
        assert verdict(restored, key, version) == verdict(lake, key, version)


def test_a_restored_release_is_the_release(lake: Lake, store: Lake, later: Release, keys: Path, into: Lake) -> None:
    back_up(lake, store, keys)
    report = restore(store, into=into, keys_into=Path(into.uri).parent / "keys.sqlite")
    assert (report.release, report.rows) == (2, {key: len(ids(lake, key)) for key in later.versions})
    same(lake, into, later)
    assert query(into, later, "SELECT count(*) AS n FROM gold.revenue").to_pylist() == [{"n": 2}]


def test_all_of_it_is_on_disk_before_there_is_a_release(
    lake: Lake, store: Lake, later: Release, keys: Path, into: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(lake, store, keys)
    synced: set[str] = set()
    fsync = os.fsync

    def recording(descriptor: int) -> None:
        fsync(descriptor)
        synced.add(os.readlink(f"/proc/self/fd/{descriptor}"))

    def released(place: Lake, one: Release) -> bool:
        there = {place.uri, *(str(path) for path in Path(place.uri).rglob("*"))}
        assert any(path.endswith(".parquet") for path in there)
        assert there <= synced
        return put_release(place, one)

    monkeypatch.setattr(os, "fsync", recording)
    monkeypatch.setattr("opetence_assets.backup.restore.put_release", released)
    restore(store, into=into, keys_into=Path(into.uri).parent / "keys.sqlite")
    assert current_release(into) == later


def test_loads_go_on_where_they_stopped(
    lake: Lake, store: Lake, later: Release, keys: Path, into: Lake, tmp_path: Path
) -> None:
    back_up(lake, store, keys)
    restore(store, into=into, keys_into=tmp_path / "again.sqlite")
    silver = last_progress(into, SILVER, later.versions[SILVER])
    bronze = open_table(into, BRONZE)
    assert bronze is not None
    assert sorted(bronze.new_since(silver["consumed"][BRONZE]).scan().collect()["id"]) == [11, 12]  # still to be read
    assert applied(into, BRONZE, "file:1") == applied(into, BRONZE, "file:10") == 1
    assert appended(into, tmp_path, frame(10), BRONZE, transactions={"file:10": 1}) == bronze.version  # known already
    assert appended(into, tmp_path, frame(13), BRONZE, base=bronze.version) == bronze.version + 1
    assert metadata_of(into, GOLD, later.versions[GOLD])["consumed"] == {SILVER: later.versions[SILVER]}
    assert publish(into, {BRONZE: bronze.version + 1}, base=later.number).number == later.number + 1
    for one in range(25):  # past the next checkpoint
        appended(into, tmp_path, frame(100 + one), SILVER)
    assert ids(into, SILVER, later.versions[SILVER]) == [1, 10]
    assert len(ids(into, SILVER)) == 27


def test_other_delta_readers_read_a_restored_table(
    lake: Lake, store: Lake, later: Release, keys: Path, tmp_path: Path
) -> None:
    import polars as pl
    from deltalake import DeltaTable

    back_up(lake, store, keys)
    into = place_at(str(tmp_path / "plain"))
    restore(store, into=into, keys_into=tmp_path / "again.sqlite")
    table = DeltaTable(into.address(BRONZE))
    assert table.version() == later.versions[BRONZE]
    assert len(pl.scan_delta(into.address(BRONZE)).collect()) == 6
    assert list(Path(into.address(f"{BRONZE}/_delta_log")).glob(f"{table.version():020d}.checkpoint.parquet"))


def test_an_erased_key_does_not_come_back(lake: Lake, store: Lake, release: Release, keys: Path, into: Lake) -> None:
    back_up(lake, store, keys)
    with closing(sqlite3.connect(keys, isolation_level=None)) as live:
        live.execute("DELETE FROM keys WHERE subject = 'user:2'")
        live.execute("INSERT INTO erased VALUES ('user:2', '2026-11-21')")
    restored = Path(into.uri).parent / "keys.sqlite"
    restore(store, into=into, keys_into=restored, erased_in=keys)
    with closing(sqlite3.connect(restored)) as found:
        assert found.execute("SELECT subject, wrapped FROM keys").fetchall() == [("user:1", b"one" * 20)]
        assert found.execute("SELECT subject FROM erased").fetchall() == [("user:2",)]
    assert b"two" * 20 not in restored.read_bytes()
    assert restored.stat().st_mode & 0o777 == 0o600


def test_a_place_that_holds_anything_is_refused(
    lake: Lake, store: Lake, release: Release, keys: Path, tmp_path: Path, into: Lake
) -> None:
    back_up(lake, store, keys)
    with pytest.raises(RestoreRefused, match="found something there already"):
        restore(store, into=lake, keys_into=tmp_path / "new.sqlite")
    with pytest.raises(RestoreRefused, match=r"keys\.sqlite: found something"):
        restore(store, into=into, keys_into=keys)
    assert not Path(into.uri).exists()
    restore(store, into=into, keys_into=tmp_path / "new.sqlite")
    with pytest.raises(RestoreRefused):
        restore(store, into=into, keys_into=tmp_path / "newer.sqlite")


def test_a_day_or_the_newest_whole_release_is_chosen(
    lake: Lake, store: Lake, release: Release, keys: Path, tmp_path: Path
) -> None:
    back_up(lake, store, keys)
    newer = refreshed(lake, tmp_path, 10)
    snapshot(lake, store, zone="gold", partition="2026-11-22", release=newer)  # bronze and silver are still to come
    whole = restore(store, into=place_at(str(tmp_path / "a")), keys_into=tmp_path / "a.sqlite")
    dated = restore(store, partition=DAY, into=place_at(str(tmp_path / "b")), keys_into=tmp_path / "b.sqlite")
    assert whole == dated
    assert whole.release == release.number
    with pytest.raises(RestoreRefused, match="on 2026-11-22 with a backup of bronze, silver, gold"):
        restore(store, partition="2026-11-22", into=place_at(str(tmp_path / "c")), keys_into=tmp_path / "c.sqlite")


def test_a_backup_killed_anywhere_is_made_good_by_running_it_again(
    lake: Lake, release: Release, keys: Path, tmp_path: Path
) -> None:
    from opetence_assets.backup.verify import verify

    def make(step: int) -> tuple[Lake, Lake, Path]:
        return lake, place_at(str(tmp_path / f"store-{step}")), keys

    for number, arguments in enumerate(kills(back_up, make)):
        store = arguments[1]
        assert isinstance(store, Lake)
        assert verify(store) == []  # what has a manifest is whole
        if number % 7 == 0:  # running it again is the same wherever it stopped; restoring it is the costly part
            assert finished(back_up, *arguments)
            into = place_at(str(tmp_path / f"into-{number}"))
            restore(store, into=into, keys_into=tmp_path / f"keys-{number}")
            same(lake, into, release)


def test_a_restore_killed_anywhere_is_made_good_by_running_it_again(
    lake: Lake, store: Lake, release: Release, keys: Path, tmp_path: Path
) -> None:
    """Of bronze, which has every kind of thing: unread files, checkpoints, keys."""
    snapshot(lake, store, zone="bronze", partition=DAY, release=release)
    snapshot_keys(store, keys, partition=DAY, since=release.created_at)
    released = replace(release, versions={BRONZE: release.versions[BRONZE]})

    def make(step: int) -> tuple[Lake, Lake, Path]:
        return store, place_at(str(tmp_path / f"into-{step}")), tmp_path / f"keys-{step}.sqlite"

    for arguments in kills(bring_back, make):
        into, restored = arguments[1:]
        assert isinstance(into, Lake)
        assert isinstance(restored, Path)
        assert current_release(into) in (None, released)
        bring_back(store, into, restored)
        same(lake, into, released)
        assert not Path(into.address(UNDER_WAY)).exists()
        assert restored.exists()
        assert not list(tmp_path.glob("*.tmp*"))  # no copy of a key is left beside it
