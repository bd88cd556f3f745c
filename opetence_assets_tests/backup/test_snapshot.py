"""A backup costs what changed, exists whole or not at all, and says what it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from opetence_assets.backup.keys import snapshot_keys
from opetence_assets.backup.manifests import manifests, read_manifest
from opetence_assets.backup.objects import object_path
from opetence_assets.backup.snapshot import snapshot
from opetence_assets.backup.verify import verify
from opetence_assets.lake.durability import LakeDamaged
from opetence_assets.lake.places import Lake, LakeError
from opetence_assets.lake.releases import Release
from opetence_assets_tests.backup.conftest import BRONZE, GOLD, QUARANTINE, SILVER, refreshed
from opetence_assets_tests.lake.rows import tree

DAY, NEXT = "2026-11-21", "2026-11-22"


def test_a_manifest_says_what_is_in_it(lake: Lake, store: Lake, release: Release, keys: Path) -> None:
    bronze = snapshot(lake, store, zone="bronze", partition=DAY, release=release)
    silver = snapshot(lake, store, zone="silver", partition=DAY, release=release)
    assert set(bronze.tables) == {BRONZE}
    assert set(silver.tables) == {SILVER, QUARANTINE}
    table = bronze.tables[BRONZE]
    assert (table.version, table.rows, table.read_up_to) == (2, 3, 0)
    assert (table.metadata, table.transactions) == ({"cursor": 3}, {"file:1": 1})
    assert sorted(file.unread for file in table.files) == [False, True, True]
    assert (bronze.rows, bronze.release) == (3, release.number)
    assert bronze.copied_bytes == bronze.bytes
    assert manifests(store) == [bronze, silver]
    assert read_manifest(store, bronze.path) == bronze
    assert verify(store) == []


def test_run_again_for_the_same_release_it_does_nothing(lake: Lake, store: Lake, release: Release, keys: Path) -> None:
    first = snapshot(lake, store, zone="bronze", partition=DAY, release=release)
    before = tree(Path(store.uri))
    assert snapshot(lake, store, zone="bronze", partition=DAY, release=release) == first
    assert tree(Path(store.uri)) == before


def test_only_new_files_are_copied(lake: Lake, store: Lake, release: Release, tmp_path: Path) -> None:
    first = snapshot(lake, store, zone="gold", partition=DAY, release=release)
    later = refreshed(lake, tmp_path, 10)
    again = snapshot(lake, store, zone="gold", partition=DAY, release=later)
    assert (again.revision, again.parent, again.parent_sha256) == (1, first.path, first.sha256)
    assert again.copied_bytes == again.bytes - first.bytes
    next_day = snapshot(lake, store, zone="gold", partition=NEXT, release=later)
    assert next_day.copied_bytes == 0
    assert next_day.tables == again.tables
    backfilled = snapshot(lake, store, zone="gold", partition="2026-01-01", release=release)
    assert (backfilled.copied_bytes, backfilled.rows) == (0, first.rows)
    assert snapshot(lake, store, zone="gold", partition="2026-01-01", release=release) == backfilled


def test_an_object_that_is_gone_or_cut_off_is_copied_again(lake: Lake, store: Lake, release: Release) -> None:
    first = snapshot(lake, store, zone="gold", partition=DAY, release=release)
    for digest in first.hashes:
        Path(store.address(object_path(digest))).write_bytes(b"cut off")
    assert verify(store)
    snapshot(lake, store, zone="gold", partition=NEXT, release=release)
    assert verify(store) == []


def test_a_damaged_lake_is_not_backed_up(lake: Lake, store: Lake, release: Release) -> None:
    (file,) = Path(lake.address(GOLD)).glob("*.parquet")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(LakeDamaged, match=f"{GOLD}: found .* as its log says"):
        snapshot(lake, store, zone="gold", partition=DAY, release=release)
    file.unlink()
    with pytest.raises(LakeDamaged, match="is missing"):
        snapshot(lake, store, zone="gold", partition=DAY, release=release)
    assert manifests(store) == []
    with pytest.raises(LakeError, match="unknown zone"):
        snapshot(lake, store, zone="platinum", partition=DAY, release=release)


def test_a_backup_is_a_copy_not_a_link(lake: Lake, store: Lake, release: Release) -> None:
    manifest = snapshot(lake, store, zone="gold", partition=DAY, release=release)
    for digest in manifest.hashes:
        assert Path(store.address(object_path(digest))).stat().st_nlink == 1


def test_keys_are_copied_consistently_while_others_write(lake: Lake, store: Lake, release: Release, keys: Path) -> None:
    with closing(sqlite3.connect(keys)) as writer:
        writer.execute("INSERT INTO keys VALUES ('user:3', x'00')")  # not committed
        manifest = snapshot_keys(store, keys, partition=DAY, since=release.created_at)
        writer.commit()
    assert snapshot_keys(store, keys, partition=DAY, since=release.created_at) == manifest
    with closing(sqlite3.connect(store.address(object_path(manifest.files["keys.sqlite"].sha256)))) as copy:
        assert copy.execute("SELECT subject FROM keys").fetchall() == [("user:1",), ("user:2",)]
    assert [path.name for path in keys.parent.iterdir()] == ["keys.sqlite"]
