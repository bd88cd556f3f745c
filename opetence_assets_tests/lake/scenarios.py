"""What is killed at every step, and what runs in several processes at once."""

from __future__ import annotations

from pathlib import Path

from opetence_assets.backup.keys import snapshot_keys
from opetence_assets.backup.manifests import manifests
from opetence_assets.backup.restore import restore
from opetence_assets.backup.snapshot import ZONES, snapshot
from opetence_assets.lake.places import Lake
from opetence_assets.lake.releases import current_release, publish
from opetence_assets.lake.tables import open_table
from opetence_assets_tests.lake.rows import KEY, appended, frame

DAY = "2026-11-21"


def load(lake: Lake, folder: Path) -> None:
    """One load and its release, as a step that may be run again."""
    version = appended(lake, folder, frame(100, 101), transactions={"load": 1}, metadata={"cursor": 101})
    release = current_release(lake)
    if release is None or release.versions.get(KEY) != version:
        publish(lake, {KEY: version}, base=release.number if release else 0)


def append_many(lake: Lake, folder: Path, first: int, number: int) -> None:
    """Appends one row a commit."""
    for one in range(first, first + number):
        appended(lake, folder, frame(one))


def replace_all(lake: Lake, folder: Path, one: int) -> None:
    """Replaces whatever is there, based on what was read; ends badly where another was first."""
    from opetence_assets.lake.commits import commit
    from opetence_assets_tests.lake.rows import schema_of, staged

    table = open_table(lake, KEY, 0)
    assert table is not None
    rows = frame(one)
    commit(lake, KEY, schema=schema_of(rows), add=[staged(lake, folder, rows)], remove=table.files, base=table.version)


def publish_one(lake: Lake, version: int) -> None:
    publish(lake, {KEY: version}, base=0)


def back_up(lake: Lake, store: Lake, keys: Path) -> None:
    """Every zone of the current release."""
    release = current_release(lake)
    assert release is not None
    for zone in ZONES:
        snapshot(lake, store, zone=zone, partition=DAY, release=release)
    snapshot_keys(store, keys, partition=DAY, since=release.created_at)


def bring_back(store: Lake, into: Lake, keys: Path) -> None:
    restore(store, manifests(store), into=into, keys_into=keys)
