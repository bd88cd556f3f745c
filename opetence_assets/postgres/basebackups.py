"""Base backups of production: made, verified, listed.

    base/<YYYY-MM-DDTHH>/   base.tar.gz, pg_wal.tar.gz (what the backup itself needs), backup_manifest, backup.json

A backup has this name once it is whole, verified and on disk, never before. The first of a day is full, the others hold
the blocks changed since the one before them.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from opetence_assets.lake.durability import fsync_file, fsync_folder, made_folder
from opetence_assets.postgres.address import libpq_variables, told
from opetence_assets.postgres.binaries import Failed, Programs, programs
from opetence_assets.postgres.refused import refused
from opetence_assets.postgres.wal import last_without_gap, lsn_of, lsn_text, put_json, segments

BASES, FACTS, MANIFEST = "base", "backup.json", "backup_manifest"
NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d")
DAY = len("2026-11-21")
UNFINISHED = ".unfinished-"
UNSUMMARIZED = re.compile(r"WAL summar|incremental backup")  # what changed since the parent cannot be said


@dataclass(frozen=True)
class Backup:
    """One base backup.

    Attributes:
        name: its hour, UTC.
        parent: the backup that this one holds the changes since; None for a full one.
        full_because: why it is full.
        started_at, finished_at: the server's clock before and after; nothing before ``finished_at`` can be restored
            from it.
        start_lsn, end_lsn: what of the log is needed to make it consistent.
        system: PostgreSQL's identifier of the cluster.
        superuser, database: whom and where to ask in a copy.
        bytes: of its files.
    """

    name: str
    parent: str | None
    full_because: str
    started_at: datetime
    finished_at: datetime
    start_lsn: int
    end_lsn: int
    timeline: int
    system: int
    major: int
    segment_bytes: int
    superuser: str
    database: str
    bytes: int

    @property
    def first_segment(self) -> int:
        return self.start_lsn // self.segment_bytes


def backups(folder: Path) -> list[Backup]:
    """Every finished backup in the folder, oldest first."""
    found = (folder / BASES).glob(f"[0-9]*/{FACTS}")
    return sorted((read_backup(path.parent) for path in found), key=lambda base: base.finished_at)


def read_backup(folder: Path) -> Backup:
    return based(json.loads((folder / FACTS).read_bytes()))


def based(noted: Mapping[str, Any]) -> Backup:
    """A backup from its facts, as ``facts`` gave them."""
    moments = {name: datetime.fromisoformat(noted[name]) for name in ("started_at", "finished_at")}
    decoded: dict[str, Any] = {**noted, **moments}
    return Backup(**decoded)


def facts(base: Backup) -> dict[str, Any]:
    """A backup's facts as JSON can hold them."""
    return {
        **asdict(base),
        "started_at": base.started_at.isoformat(),
        "finished_at": base.finished_at.isoformat(),
    }


def chain_of(base: Backup, among: list[Backup]) -> list[Backup]:
    """A backup after all that it needs, the full one first.

    Raises:
        DataError: one of them is not there.
    """
    by_name = {one.name: one for one in among}
    chain = [base]
    while chain[0].parent is not None:
        parent = by_name.get(chain[0].parent)
        if parent is None:
            raise refused(
                f"no base backup {chain[0].parent}, which {chain[0].name} builds on",
                "all of a chain",
                "restore a moment of another day",
            )
        chain.insert(0, parent)
    return chain


def made(folder: Path, uri: str, name: str, variables: Mapping[str, str]) -> Backup:
    """Makes the backup of an hour, or gives the one that is there.

    Safe to repeat, to run twice at once and to kill: what is under way has another name, and is swept by the next.

    Args:
        folder: the working folder, of which this uses ``base/``.
        name: ``YYYY-MM-DDTHH``.

    Raises:
        DataError: the server or its programs are not fit, or a program of PostgreSQL's failed.
    """
    if not NAME.fullmatch(name):
        raise refused(f"a base backup named {name}", "an hour, YYYY-MM-DDTHH", "opetence postgres status")
    made_folder(folder / BASES)
    with alone(folder / BASES):
        for left in (folder / BASES).glob(f"{UNFINISHED}*"):
            shutil.rmtree(left)
        if (folder / BASES / name).exists():
            return read_backup(folder / BASES / name)
        server = told(uri)
        tools = programs(variables, server["major"])
        if server["tablespaces"]:
            raise refused("tablespaces on the server", "none", "back it up with Barman: docs/guide/postgres-backup.md")
        return _made(folder, uri, name, tools, server)


def _made(folder: Path, uri: str, name: str, tools: Programs, server: Mapping[str, Any]) -> Backup:
    parent, because = _parent(folder, name, server)
    unfinished = folder / BASES / f"{UNFINISHED}{uuid4().hex}"
    try:
        _taken(tools, uri, unfinished, folder / BASES / parent.name / MANIFEST if parent else None)
    except Failed as failure:
        if parent is None or not UNSUMMARIZED.search(failure.said):
            raise _unmade(failure) from None
        parent, because = None, "the server could not say what changed since the last one"
        shutil.rmtree(unfinished, ignore_errors=True)
        _retaken(tools, uri, unfinished)
    noted = json.loads((unfinished / MANIFEST).read_bytes())
    span = noted["WAL-Ranges"][-1]
    done = Backup(
        name=name,
        parent=parent.name if parent else None,
        full_because="" if parent else because,
        started_at=server["now"],
        finished_at=told(uri)["now"],
        start_lsn=lsn_of(span["Start-LSN"]),
        end_lsn=lsn_of(span["End-LSN"]),
        timeline=span["Timeline"],
        system=noted["System-Identifier"],
        major=server["major"],
        segment_bytes=server["segment_bytes"],
        superuser=server["superuser"],
        database=server["database"],
        bytes=sum(file.stat().st_size for file in unfinished.iterdir()),
    )
    put_json(unfinished / FACTS, facts(done))
    for file in unfinished.iterdir():
        fsync_file(file)
    fsync_folder(unfinished)
    os.rename(unfinished, folder / BASES / name)
    fsync_folder(folder / BASES)
    return done


def _parent(folder: Path, name: str, server: Mapping[str, Any]) -> tuple[Backup | None, str]:
    """The backup to build on, or None and why there is none."""
    last = next(iter(backups(folder)[::-1]), None)
    if last is None:
        return None, "it is the first"
    if last.name[:DAY] != name[:DAY]:
        return None, "it is the day's first"
    if last.system != server["system"]:
        return None, "the server is another one"
    if not server["summaries"]:
        return None, "the server has summarize_wal = off"
    found = segments(folder, last.segment_bytes)
    end = last_without_gap(found, last.first_segment)
    if found and end < found[-1].number:
        return None, f"the log received since has a gap after {lsn_text((end + 1) * last.segment_bytes)}"
    return last, ""


def _taken(tools: Programs, uri: str, into: Path, since: Path | None) -> None:
    tools.run(
        "pg_basebackup",
        *("--pgdata", str(into), "--format", "tar", "--compress", "client-gzip:1"),
        # Without its own log a backup is worth nothing where the receiver was down.
        *("--wal-method", "stream", "--checkpoint", "fast", "--no-password", "--label", "opetence"),
        *(("--incremental", str(since)) if since else ()),
        variables=libpq_variables(uri),
    )
    tools.run("pg_verifybackup", "--no-parse-wal", "--quiet", str(into))  # it reads no log in a tar


def _retaken(tools: Programs, uri: str, into: Path) -> None:
    try:
        _taken(tools, uri, into, None)
    except Failed as failure:
        raise _unmade(failure) from None


def _unmade(failure: Failed) -> Exception:
    return refused(
        f"no base backup: {failure}",
        "a role with REPLICATION, max_wal_senders to spare and space on this disk",
        "opetence postgres status",
    )


@contextmanager
def alone(folder: Path) -> Generator[None]:
    """One maker at a time; the lock dies with its process."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
