"""Which release comes back where a day and a week have the same name, and where days are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from opetence_assets.backup.choosing import RestoreRefused, newest_whole
from opetence_assets.backup.copies import Partition
from opetence_assets.backup.manifests import manifest_paths
from opetence_assets.backup.snapshot import ARCHIVE, ZONES, snapshot
from opetence_assets.lake.places import Lake, deleted
from opetence_assets.lake.releases import Release
from opetence_assets_tests.backup.conftest import refreshed

MONDAY, TUESDAY = "2026-11-16", "2026-11-17"


@pytest.fixture
def later(lake: Lake, store: Lake, release: Release, tmp_path: Path) -> Release:
    """Monday's and Tuesday's backups are of the first release, their week's archive of a later one."""
    for zone in ZONES:
        for day in (MONDAY, TUESDAY):
            snapshot(lake, store, zone=zone, partition=day, release=release)
    later = refreshed(lake, tmp_path, 10)
    snapshot(lake, store, zone=ARCHIVE, partition=MONDAY, release=later)
    return later


def chosen(store: Lake, asked: str | None = None) -> list[Partition]:
    return [(one.zone, one.partition) for one in newest_whole(store, asked)]


def test_a_monday_is_the_day_and_the_week_where_the_day_is_gone(store: Lake, later: Release) -> None:
    assert chosen(store, MONDAY) == [(zone, MONDAY) for zone in ZONES]
    deleted(store, [path for zone in ZONES for path in manifest_paths(store, zone, MONDAY)])
    assert chosen(store, MONDAY) == [(ARCHIVE, MONDAY)]


def test_the_newest_is_the_weeks_where_its_days_are_missing(store: Lake, later: Release, release: Release) -> None:
    assert chosen(store) == [(ARCHIVE, MONDAY)]
    assert {one.release for one in newest_whole(store, as_of=release.created_at)} == {release.number}
    (week,) = manifest_paths(store, ARCHIVE)
    Path(store.address(week)).write_bytes(b"damaged")
    assert chosen(store) == [(zone, TUESDAY) for zone in ZONES]
    with pytest.raises(RestoreRefused, match="on 2026-11-15"):
        newest_whole(store, "2026-11-15")
