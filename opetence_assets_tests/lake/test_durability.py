"""What was acknowledged is on disk; what a power cut tore is taken back, and nothing else is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from opetence_assets.lake.durability import LakeDamaged, repair
from opetence_assets.lake.log import commit_path
from opetence_assets.lake.places import Lake, LakeError, place_at, put_new
from opetence_assets.lake.releases import publish
from opetence_assets.lake.tables import open_table
from opetence_assets_tests.lake.rows import KEY, appended, frame, ids


def last_commit(lake: Lake, version: int) -> Path:
    return Path(lake.address(commit_path(KEY, version)))


def test_a_commit_cut_off_anywhere_is_taken_back(lake: Lake, tmp_path: Path) -> None:
    appended(lake, tmp_path, frame(1))
    appended(lake, tmp_path, frame(2))
    torn = last_commit(lake, 1)
    whole = torn.read_bytes()
    ends = [0, 1, len(whole) // 2, len(whole) - 2, *(i for i, byte in enumerate(whole) if byte == ord("\n"))][:-1]
    for end in ends:
        torn.write_bytes(whole[:end])
        assert ids(lake) == [1]
        assert not torn.exists()
    torn.write_bytes(whole[:40] + bytes(len(whole) - 40))  # zeros: the size reached the disk, the blocks did not
    assert ids(lake) == [1]
    assert appended(lake, tmp_path, frame(3)) == 1
    assert ids(lake) == [1, 3]


def test_a_whole_commit_is_never_taken_back(lake: Lake, tmp_path: Path) -> None:
    for one in range(3):
        appended(lake, tmp_path, frame(one))
    last_commit(lake, 2).write_bytes(last_commit(lake, 2).read_bytes().rstrip(b"\n"))
    assert repair(lake, KEY) == []
    assert ids(lake) == [0, 1, 2]


def test_a_torn_commit_that_others_build_on_is_reported_not_removed(lake: Lake, tmp_path: Path) -> None:
    for one in range(3):
        appended(lake, tmp_path, frame(one))
    last_commit(lake, 1).write_bytes(b"{")
    with pytest.raises(LakeDamaged, match=r"0{19}1\.json torn"):
        open_table(lake, KEY)
    assert last_commit(lake, 1).exists()


def test_a_torn_checkpoint_costs_nothing(lake: Lake, tmp_path: Path) -> None:
    for one in range(21):
        appended(lake, tmp_path, frame(one))
    (checkpoint,) = Path(lake.address(f"{KEY}/_delta_log")).glob("*.checkpoint.parquet")
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    assert ids(lake) == list(range(21))
    assert not checkpoint.exists()


def test_leftovers_of_killed_writers_are_ignored(lake: Lake, tmp_path: Path) -> None:
    appended(lake, tmp_path, frame(1))
    for name in ("_0f.tmp", "_commit_1f9f2c4e.json.tmp"):
        (last_commit(lake, 0).parent / name).write_bytes(b"{")
    assert ids(lake) == [1]
    assert appended(lake, tmp_path, frame(2)) == 1


def test_delta_rs_reads_and_writes_the_same_table(tmp_path: Path) -> None:
    """Spark, Trino and delta-rs share the log: theirs and ours follow one another."""
    lake = place_at(str(tmp_path / "lake"))
    appended(lake, tmp_path, frame(1))
    table = DeltaTable(lake.address(KEY))
    table.delete("id = 1")
    appended(lake, tmp_path, frame(2))
    table.update_incremental()
    assert table.version() == 2
    assert [entry["operation"] for entry in table.history()] == ["WRITE", "DELETE", "WRITE"]
    assert ids(lake) == [2]
    assert table.vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False)
    assert table.vacuum(dry_run=True) == []  # the table's own retention keeps what releases pin


def test_everything_is_on_disk_before_it_is_acknowledged(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each name in the lake: its bytes were synced before it appeared, its folder after."""
    events: list[tuple[str, str]] = []
    recorded(monkeypatch, events, "fsync", lambda descriptor: os.readlink(f"/proc/self/fd/{descriptor}"))
    recorded(monkeypatch, events, "link", lambda source, target: f"{source}>{target}")
    recorded(monkeypatch, events, "rename", lambda source, target: f"{source}>{target}")
    recorded(monkeypatch, events, "mkdir", lambda path, *_: str(path))
    for one in range(21):
        appended(lake, tmp_path, frame(one))
    publish(lake, {KEY: 20})
    monkeypatch.undo()
    for path in Path(lake.uri).rglob("*"):
        if path.is_dir():
            made = events.index(("mkdir", str(path)))
        elif any(name in path.name for name in ("checkpoint",)):
            assert ("fsync", str(path)) in events  # delta-rs makes it in place; a torn one is taken back
            continue
        else:
            (made,) = [i for i, (kind, what) in enumerate(events) if kind != "fsync" and what.endswith(f">{path}")]
            before = events[made][1].partition(">")[0]
            assert ("fsync", before) in events[:made], f"{path} appeared before its bytes were on disk"
        assert ("fsync", str(path.parent)) in events[made:], f"{path} was acknowledged before its name was on disk"


def recorded(
    monkeypatch: pytest.MonkeyPatch, events: list[tuple[str, str]], name: str, told: Callable[..., str]
) -> None:
    original = getattr(os, name)

    def wrapped(*arguments: Any, **options: Any) -> Any:
        event = (name, told(*arguments))
        result = original(*arguments, **options)
        events.append(event)
        return result

    monkeypatch.setattr(os, name, wrapped)


@pytest.mark.parametrize("path", ["/x/100%20", "/x/a*b", "/x/[a]", "gs://bucket/lake", "s3://bucket/a b"])
def test_places_that_a_reader_would_misread_are_refused(path: str) -> None:
    with pytest.raises(LakeError, match="allowed"):
        place_at(path)


def test_only_the_options_of_s3_are_kept_and_never_shown() -> None:
    place = place_at("s3://bucket/lake/", {"AWS_SECRET_ACCESS_KEY": "hidden", "AWS_PROFILE": "me", "HOME": "/root"})
    assert dict(place.options) == {"AWS_SECRET_ACCESS_KEY": "hidden"}
    assert place.uri == "s3://bucket/lake"
    assert "hidden" not in repr(place)


def test_a_new_file_is_made_once(lake: Lake) -> None:
    assert put_new(lake, "verdicts/one.json", b"first")
    assert not put_new(lake, "verdicts/one.json", b"second")
    assert Path(lake.address("verdicts/one.json")).read_bytes() == b"first"
    assert len(list(Path(lake.address("verdicts")).iterdir())) == 1
