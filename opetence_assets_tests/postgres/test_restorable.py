"""Between which moments production can be restored, by what is in the working folder."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from opetence_assets.postgres.basebackups import Backup
from opetence_assets.postgres.restorable import restorable
from opetence_assets.postgres.wal import Mark, Segment

SIZE = 100  # bytes of a segment
TEN = datetime(2026, 1, 1, 10, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def a_backup(at: datetime, lsn: int) -> Backup:
    return Backup(
        name=f"{at:%Y-%m-%dT%H}",
        parent=None,
        full_because="",
        started_at=at - MINUTE,
        finished_at=at,
        start_lsn=lsn - 10,
        end_lsn=lsn,
        timeline=1,
        system=7,
        major=18,
        segment_bytes=SIZE,
        superuser="postgres",
        database="shop",
        bytes=1,
    )


def log_of(*numbers: int) -> list[Segment]:
    """Segments, the last still being written."""
    return [Segment(Path(f"{n}"), 1, n, is_partial=n == numbers[-1]) for n in numbers]


FIRST, SECOND = a_backup(TEN, 250), a_backup(TEN + HOUR, 550)
MARK = Mark(TEN + HOUR + MINUTE, 820, 7)


@pytest.mark.parametrize(("mark", "log", "span"), [
    (MARK, log_of(2, 3, 4, 5, 6, 7, 8), (TEN, MARK.at)),
    (replace(MARK, lsn=800), log_of(2, 3, 4, 5, 6, 7), (TEN, MARK.at)),  # nothing of the next segment is needed
    (MARK, log_of(2, 3, 5, 6, 7, 8), (TEN + HOUR, MARK.at)),  # a gap between the backups
    (MARK, log_of(5, 6, 8), (TEN + HOUR, TEN + HOUR)),  # and one after them
    (Mark(TEN + MINUTE, 320, 7), log_of(2, 3), (TEN, TEN + MINUTE)),  # the receiver stopped before the second
    (Mark(TEN - MINUTE, 120, 7), log_of(1), (TEN + HOUR, TEN + HOUR)),
    (replace(MARK, system=8), log_of(2, 3, 4, 5, 6, 7, 8), (TEN + HOUR, TEN + HOUR)),  # of another server
    (None, [], (TEN + HOUR, TEN + HOUR)),  # nobody ever received
])  # fmt: skip
def test_only_what_the_log_reaches_without_a_gap_is_promised(
    mark: Mark | None, log: list[Segment], span: tuple[datetime, datetime]
) -> None:
    assert restorable([FIRST, SECOND], mark, log) == span
