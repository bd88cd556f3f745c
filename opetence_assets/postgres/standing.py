"""How production's backup stands: what can be restored, how far the receiver is behind, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from opetence_assets.postgres.basebackups import Backup, backups
from opetence_assets.postgres.restorable import restorable
from opetence_assets.postgres.stream import Lag, lag
from opetence_assets.postgres.wal import Mark, last_without_gap, lsn_text, read_mark, segments

LATE = timedelta(seconds=5)  # the recovery point that is promised
OLD = timedelta(hours=2)  # of the newest base backup; one is made each hour


@dataclass(frozen=True)
class Standing:
    """What is known.

    Attributes:
        oldest, newest: the moments between which all can be restored from the working folder, see ``restorable``; None
            without a backup.
        behind: how long ago (server's clock) everything committed had been received; None before the first mark.
        lag: what the server says of the slot; None where there is none.
        problems: each with what to do.
    """

    backups: int
    newest_backup: str | None
    oldest: datetime | None
    newest: datetime | None
    behind: timedelta | None
    lag: Lag | None
    problems: tuple[str, ...]


def standing(folder: Path, uri: str) -> Standing:
    """Asks the server and looks into the working folder.

    Raises:
        DataError: the server does not answer.
    """
    found, mark, slot = backups(folder), read_mark(folder), lag(uri)
    last = found[-1] if found else None
    behind = max(slot.at - mark.at, timedelta(0)) if slot and mark else None
    span = restorable(found, mark, segments(folder, last.segment_bytes)) if last else None
    return Standing(
        backups=len(found),
        newest_backup=last.name if last else None,
        oldest=span[0] if span else None,
        newest=span[1] if span else None,
        behind=behind,
        lag=slot,
        problems=tuple(_problems(folder, last, slot, mark, behind)),
    )


def _problems(
    folder: Path, last: Backup | None, slot: Lag | None, mark: Mark | None, behind: timedelta | None
) -> Iterator[str]:
    receive = "Next: opetence postgres receive   (opetence ui keeps it running)"
    if last is None:
        yield "there is no base backup. Next: opetence postgres backup"
    elif slot and slot.at - last.finished_at > OLD:
        yield f"the newest base backup is of {last.name}. Next: opetence postgres backup"
    if slot is None:
        yield f"the server has no slot: nobody received its log yet. {receive}"
        return
    if slot.status == "lost":
        yield f"the slot was lost: the log has a gap; the next base backup will be full. {receive}"
    elif not slot.is_active:
        yield f"nobody receives the log. {receive}"
    if mark is None or (behind and behind > LATE):
        yield f"what was committed in the last {behind or 'hours'} has not been received. {receive}"
    if last:
        log = segments(folder, last.segment_bytes)
        end = last_without_gap(log, last.first_segment)
        if log and end < log[-1].number:
            gap = lsn_text((end + 1) * last.segment_bytes)
            yield f"the log has a gap at {gap}; the next base backup will be full. Next: opetence postgres backup"
