"""Killed before any change of the disk and run again: exact rows, and never half a release."""

from __future__ import annotations

import shutil
from pathlib import Path

from opetence_assets.lake.places import Lake, place_at
from opetence_assets.lake.releases import all_releases
from opetence_assets.lake.tables import commits
from opetence_assets_tests.lake.kills import finished, kills
from opetence_assets_tests.lake.rows import KEY, appended, frame, ids, tree
from opetence_assets_tests.lake.scenarios import load

OLD, NEW = list(range(20)), [*range(20), 100, 101]


def test_a_load_killed_anywhere_is_made_good_by_running_it_again(tmp_path: Path) -> None:
    """The load's commit is the one that writes a checkpoint, too."""

    for one in OLD:
        appended(place_at(str(tmp_path / "lake")), tmp_path, frame(one))

    def make(step: int) -> tuple[Lake, Path]:
        folder = tmp_path / str(step)
        shutil.copytree(tmp_path / "lake", folder / "lake")
        return place_at(str(folder / "lake")), folder

    steps = 0
    for lake, folder in kills(load, make):
        assert isinstance(lake, Lake)
        steps += 1
        assert ids(lake) in (OLD, NEW)
        assert all(ids(lake, version=made.versions[KEY]) == NEW for made in all_releases(lake))
        assert finished(load, lake, folder)
        assert ids(lake) == NEW
        assert [found.version for found in commits(lake, KEY)] == list(range(21))
        (made,) = all_releases(lake)
        assert ids(lake, version=made.versions[KEY]) == NEW
        assert finished(load, lake, folder)
        assert [one.number for one in all_releases(lake)] == [1]
    assert steps > 10


def test_the_first_load_killed_anywhere_leaves_no_table_or_a_whole_one(tmp_path: Path) -> None:
    def make(step: int) -> tuple[Lake, Path]:
        folder = tmp_path / f"first-{step}"
        folder.mkdir()
        return place_at(str(folder / "lake")), folder

    for lake, folder in kills(load, make):
        assert isinstance(lake, Lake)
        assert ids(lake) in ([], [100, 101])
        assert finished(load, lake, folder)
        assert ids(lake) == [100, 101]
        assert not [name for name in tree(Path(lake.uri)) if name.startswith("releases") and name.endswith(".json")][1:]
