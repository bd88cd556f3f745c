"""Between which moments production can be restored, by its backups and what was received of its log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from opetence_assets.postgres.basebackups import Backup
from opetence_assets.postgres.wal import Mark, Segment, last_without_gap


def restorable(found: Sequence[Backup], mark: Mark | None, log: Sequence[Segment]) -> tuple[datetime, datetime]:
    """The moments between which all was received, up to the mark; twice the newest backup's where that is nothing.

    From the oldest backup that the log goes on from without a gap. Of what lies before a gap some can be restored too,
    but no mark says up to which moment.

    Args:
        found: one or more, oldest first.
    """
    last = found[-1].finished_at
    if mark is None:
        return last, last
    for base in found:
        first = base.end_lsn // base.segment_bytes  # up to there a backup has its own log
        end = (mark.lsn - 1) // base.segment_bytes
        if base.system == mark.system and base.finished_at < mark.at and last_without_gap(log, first) >= end:
            return base.finished_at, mark.at
    return last, last
