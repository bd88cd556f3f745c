"""Where a backup and the receiver have the same segment of the log, the copy gets the one that goes further."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from opetence_assets.postgres.laid_out import place_log
from opetence_assets.postgres.wal import PARTIAL, RECEIVING

SIZE = 1 << 20
NAME = "00000001000000000000000A"


@dataclass(frozen=True)
class Base:
    """What the log's placing asks of a base backup."""

    segment_bytes: int = SIZE
    first_segment: int = 10


def segment(file: Path, reach: int) -> bytes:
    """A segment with so many bytes of log, filled up with zeros as the receiver and the backup do."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content := (b"\x07" * reach).ljust(SIZE, b"\0"))
    return content


@pytest.mark.parametrize(("partial", "received", "brought", "kept"), [
    (True, 100, 200, 200),  # a receiver that is behind: the backup could not end without what it brought
    (True, 300, 200, 300),
    (True, 300, None, 300),
    (False, 300, 200, 300),
])  # fmt: skip
def test_no_segment_is_placed_over_one_that_goes_further(
    tmp_path: Path, partial: bool, received: int, brought: int | None, kept: int
) -> None:
    base: Any = Base()
    into = tmp_path / "pg_wal"
    into.mkdir()
    segment(tmp_path / RECEIVING / f"{NAME}{PARTIAL if partial else ''}", received)
    if brought is not None:
        segment(into / NAME, brought)

    place_log(tmp_path, base, into)

    assert (into / NAME).read_bytes() == segment(tmp_path / "expected", kept)


def test_a_working_folder_says_which_segment_is_not_complete(tmp_path: Path) -> None:
    base: Any = Base()
    (work := tmp_path / "work").mkdir()
    segment(tmp_path / RECEIVING / f"{NAME}{PARTIAL}", 100)

    place_log(tmp_path, base, work, as_received=True)

    assert [file.name for file in work.iterdir()] == [f"{NAME}{PARTIAL}"]
