"""Readers resolve a release; it is whole, it is ordered, and one of two publishers wins."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from opetence_assets.lake.places import Lake, LakeError
from opetence_assets.lake.releases import (
    ReleaseConflict,
    all_releases,
    current_release,
    publish,
    release,
    release_as_of,
    roll_back,
)
from opetence_assets_tests.lake.kills import PROCESSES
from opetence_assets_tests.lake.rows import KEY, appended, frame, ids
from opetence_assets_tests.lake.scenarios import publish_one, replace_all


@pytest.fixture
def versions(lake: Lake, tmp_path: Path) -> list[int]:
    return [appended(lake, tmp_path, frame(one)) for one in range(4)]


def test_there_is_no_release_before_the_first(lake: Lake) -> None:
    assert current_release(lake) is None
    assert all_releases(lake) == []
    with pytest.raises(LakeError, match="nothing was published yet"):
        release(lake, 1)


@pytest.mark.usefixtures("versions")
def test_releases_follow_one_another_and_stay(lake: Lake) -> None:
    made = [publish(lake, {KEY: version}, {"run": version}) for version in range(3)]
    assert [one.number for one in made] == [1, 2, 3]
    assert current_release(lake) == made[-1]
    assert all_releases(lake) == made
    assert release(lake, 2) == made[1]
    for one in made:
        assert release_as_of(lake, one.created_at) == one
    assert release_as_of(lake, made[0].created_at - timedelta(microseconds=1)) is None


@pytest.mark.usefixtures("versions")
def test_going_back_is_a_new_release_of_old_versions(lake: Lake) -> None:
    first = publish(lake, {KEY: 0})
    publish(lake, {KEY: 1})
    back = roll_back(lake, 1)
    assert (back.number, back.versions) == (3, first.versions)
    assert current_release(lake) == back
    assert ids(lake, version=back.versions[KEY]) == [0]


@pytest.mark.usefixtures("versions")
def test_a_release_of_what_does_not_exist_is_refused(lake: Lake) -> None:
    with pytest.raises(LakeError, match=f"{KEY}: found no version 9"):
        publish(lake, {KEY: 9})
    assert current_release(lake) is None


@pytest.mark.usefixtures("versions")
def test_a_release_based_on_an_older_one_is_refused(lake: Lake) -> None:
    publish(lake, {KEY: 0}, base=0)
    with pytest.raises(ReleaseConflict, match="found release 1 current"):
        publish(lake, {KEY: 1}, base=0)
    assert publish(lake, {KEY: 1}, base=1).number == 2


@pytest.mark.usefixtures("versions")
def test_of_publishers_at_once_one_wins(lake: Lake) -> None:
    processes = [PROCESSES.Process(target=publish_one, args=(lake, version)) for version in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert sorted(process.exitcode == 0 for process in processes) == [False, False, False, True]
    (made,) = all_releases(lake)
    assert ids(lake, version=made.versions[KEY]) == list(range(made.versions[KEY] + 1))


def test_of_writers_who_read_the_same_version_one_wins(lake: Lake, tmp_path: Path) -> None:
    appended(lake, tmp_path, frame(0))
    processes = [PROCESSES.Process(target=replace_all, args=(lake, tmp_path, one)) for one in (1, 2, 3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    won = [one for one, process in zip((1, 2, 3), processes, strict=True) if process.exitcode == 0]
    assert ids(lake) == won
    assert len(won) == 1
