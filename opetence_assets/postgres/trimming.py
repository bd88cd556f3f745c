"""Keeps the working folder small: what the backup store has and no restore from here needs goes."""

from __future__ import annotations

import shutil
from pathlib import Path

from opetence_assets.postgres.basebackups import BASES, UNFINISHED, alone, backups, chain_of
from opetence_assets.postgres.wal import segments


def trimmed(folder: Path) -> int:
    """Deletes the base backups that the newest one does not build on, and the log before them; gives how many files.

    Call it once the store has them. What stays is the day's full backup and all that came since, so that any moment of
    the day is restored from here, without the store.
    """
    if not (folder / BASES).exists():
        return 0
    with alone(folder / BASES):  # who makes one sweeps what is half deleted
        return _trimmed(folder)


def _trimmed(folder: Path) -> int:
    found = backups(folder)
    if not found:
        return 0
    chain = chain_of(found[-1], found)
    old = [base for base in found if base.finished_at < chain[0].started_at]
    log = [s for s in segments(folder, chain[0].segment_bytes) if s.number < chain[0].first_segment]
    for base in old:
        # Renamed first: what is half deleted must not look like a backup.
        doomed = (folder / BASES / base.name).rename(folder / BASES / f"{UNFINISHED}{base.name}")
        shutil.rmtree(doomed)
    for segment in log:
        segment.path.unlink(missing_ok=True)
    return len(old) + len(log)
