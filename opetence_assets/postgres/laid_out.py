"""A chain of base backups and the log after it, as a data directory that PostgreSQL can recover from."""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

from opetence_assets.postgres.basebackups import BASES, MANIFEST, Backup
from opetence_assets.postgres.binaries import Failed, Programs
from opetence_assets.postgres.refused import refused
from opetence_assets.postgres.wal import histories, segments

DATA, UNPACKED = "data", "unpacked"
DRAIN = 1 << 20  # bytes at a time
NOT_OURS = ("postgresql.auto.conf", "postgresql.conf", "pg_hba.conf", "pg_ident.conf")
SIGNALS = ("standby.signal", "recovery.signal", "backup_manifest.old")


def laid_out(folder: Path, chain: Sequence[Backup], into: Path, tools: Programs) -> Path:
    """Makes ``into/data`` of a chain (full one first) and the log received since; gives that folder.

    Every file of every backup is read against its manifest, and so is the result. Production's own settings stay
    beside as ``*.production``: they must not act on a copy (archive, replicate, listen).

    Raises:
        DataError: a byte is not as it was when the backup was made.
    """
    data = into / DATA
    try:
        unpacked = [_unpacked(folder / BASES / base.name, into / UNPACKED / base.name, tools) for base in chain]
        if len(unpacked) == 1:
            os.rename(unpacked[0], data)
        else:
            # Links: the sources are deleted next, so that no two names for a file are left.
            tools.run("pg_combinebackup", "--link", "--no-sync", "--output", str(data), *map(str, unpacked))
            tools.run("pg_verifybackup", "--quiet", str(data))
    except (Failed, tarfile.TarError, EOFError, OSError) as failure:
        raise refused(
            f"damage in base backup {chain[-1].name} or one it builds on: {failure}",
            "every byte as its manifest says",
            "opetence backup verify, or restore a moment of another day",
        ) from failure
    shutil.rmtree(into / UNPACKED)
    for name in NOT_OURS:
        if (data / name).exists():
            os.rename(data / name, data / f"{name}.production")
    for name in SIGNALS:
        (data / name).unlink(missing_ok=True)
    place_log(folder, chain[-1], data / "pg_wal")
    return data


def _unpacked(backup: Path, into: Path, tools: Programs) -> Path:
    """One backup as files, each as its manifest says; the log that it needs is read to its end."""
    into.mkdir(parents=True, mode=0o700)
    for archive, place in (("base.tar.gz", into), ("pg_wal.tar.gz", into / "pg_wal")):
        # gzip's own reader: tarfile's does not know that a gzip file may have several members
        with gzip.open(backup / archive) as packed, tarfile.open(fileobj=packed, mode="r|") as tar:
            tar.extractall(place, filter="data")
            while packed.read(DRAIN):  # gzip says that a byte is wrong at its end, which tarfile does not read
                continue
    shutil.copyfile(backup / MANIFEST, into / MANIFEST)
    tools.run("pg_verifybackup", "--quiet", str(into))
    return into


def place_log(folder: Path, base: Backup, into: Path, *, as_received: bool = False) -> None:
    """Copies the log received from a base backup on, each segment under its own name, also one not yet complete.

    That one may be behind what the backup brought of it: the backup has the log it needs, the receiver what it got so
    far. Never links: the server writes into the files that it finds there.

    Args:
        as_received: one not yet complete keeps the name that says so, as in a working folder.
    """
    placed = set[str]()
    whole = False
    while not whole:  # the receiver may rename a segment that is complete while it is looked for
        try:
            for segment in segments(folder, base.segment_bytes):
                if segment.number >= base.first_segment and segment.name not in placed:
                    target = into / (segment.path.name if as_received else segment.name)
                    if not segment.is_partial or _reach(target) < _reach(segment.path):
                        shutil.copyfile(segment.path, target)
                    placed |= set[str]() if segment.is_partial else {segment.name}
            whole = True
        except FileNotFoundError:
            continue
    for history in histories(folder):
        shutil.copyfile(history, into / history.name)


def _reach(segment: Path) -> int:
    """Bytes of the log in a segment, which is filled up with zeros; -1 if there is none."""
    return len(segment.read_bytes().rstrip(b"\0")) if segment.exists() else -1
