"""Production as it was at any moment: a chain of base backups, the log after it, and a server that stops there.

What is asked for is what comes back: a moment that was not received is refused with the last one that was.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from opetence_assets.lake.durability import made_folder
from opetence_assets.postgres.basebackups import Backup, backups, chain_of
from opetence_assets.postgres.binaries import Failed, programs
from opetence_assets.postgres.laid_out import laid_out
from opetence_assets.postgres.private_server import Copy, ask, configured, passable, started, stopped
from opetence_assets.postgres.refused import refused
from opetence_assets.postgres.wal import Mark, lsn_text, read_mark

TAIL = timedelta(seconds=10)  # commits this much after the mark may have been received; the log itself says
ENDED = "recovery ended before configured recovery target was reached"
LAST = re.compile(r"last completed transaction was at log time (\S+ \S+)")
STATUS = "opetence postgres status"


@dataclass(frozen=True)
class Recovered:
    """A running copy of production.

    Attributes:
        target: the moment asked for; None: as late as the log goes.
        reached_at: of the last transaction in it; None if the log after the backup has none.
        rows: by database, schema and table.
        seconds: from the backup to a server that answers.
    """

    copy: Copy
    uri: str
    base: str
    chain: Sequence[str]
    target: datetime | None
    reached_at: datetime | None
    reached_lsn: int
    timeline: int
    rows: Mapping[str, int]
    seconds: float


def recovered(folder: Path, target: datetime | None, into: Path, variables: Mapping[str, str]) -> Recovered:
    """Restores production as of ``target`` (None: the last transaction received) into a folder and starts it there.

    Everything committed up to the moment is in it and nothing later. It listens on a private Unix socket only, and
    stays up: ``private_server.stopped`` ends it.

    Args:
        folder: the working folder, ``base/`` and ``wal/``.
        into: an empty or new folder.

    Raises:
        DataError: the moment lies outside of what was received, or a byte of the backup is damaged.
    """
    begun = time.perf_counter()
    found, mark = backups(folder), read_mark(folder)
    base = chosen(found, target, mark)
    tools = programs(variables, base.major)
    if into.exists() and any(into.iterdir()):
        raise refused(f"something in {into}", "an empty or new folder", "name another one")
    made_folder(into.resolve())
    chain = chain_of(base, found)
    copy = Copy(into.resolve(), tools)
    try:
        passable(copy)
        laid_out(folder, chain, copy.folder, tools)
        _brought_up(copy, base, target, mark)
        at, lsn, timeline = ask(copy, base.database, base.superuser, REACHED)[0]
        seconds = time.perf_counter() - begun
        rows = _rows(copy, base)
    except BaseException:
        stopped(copy)
        shutil.rmtree(copy.folder)  # nothing is left that could be taken for what was asked for
        raise
    return Recovered(
        copy=copy,
        uri=copy.uri(base.database, base.superuser),
        base=base.name,
        chain=[one.name for one in chain],
        target=target,
        reached_at=at,
        reached_lsn=lsn,
        timeline=timeline,
        rows=rows,
        seconds=seconds,
    )


def chosen(found: Sequence[Backup], target: datetime | None, mark: Mark | None) -> Backup:
    """The newest backup that a moment can be reached from.

    Raises:
        DataError: the moment is before the oldest backup, or later than all that was received.
    """
    if not found:
        raise refused("no base backup", "one", "opetence run")
    if target is None:
        return found[-1]
    if target.tzinfo is None:
        raise refused(f"{target.isoformat()} without a zone", f"{target.isoformat()}Z", "say which zone")
    before = [base for base in found if base.finished_at <= target]
    if not before:
        raise refused(
            f"{_said(target)}, before the oldest backup",
            f"from {_said(found[0].finished_at)} on",
            "ask for a later moment",
        )
    last = max(mark.at if mark else found[-1].finished_at, found[-1].finished_at)
    if target > last + TAIL:
        raise _beyond(target, last)
    return before[-1]


def _brought_up(copy: Copy, base: Backup, target: datetime | None, mark: Mark | None) -> None:
    configured(copy, target)
    try:
        started(copy, base.database, base.superuser)
    except Failed as failure:
        if target is None or ENDED not in failure.said:
            raise refused(f"a copy that does not start: {failure}", "one that does", STATUS) from failure
        last = LAST.search(failure.said)
        end = datetime.fromisoformat(last[1]).replace(tzinfo=UTC) if last else base.finished_at
        if mark is None or target > mark.at or mark.system != base.system:
            raise _beyond(target, end) from None
        _to_the_end(copy, base, target, mark, end)


def _to_the_end(copy: Copy, base: Backup, target: datetime, mark: Mark, end: datetime) -> None:
    """Nothing was committed between the moment and the end of the log, so that there was no commit to stop before.

    The mark says that all up to the moment was received: its place must be reached.
    """
    configured(copy, None)
    started(copy, base.database, base.superuser)
    _, reached, _ = ask(copy, base.database, base.superuser, REACHED)[0]
    if reached < mark.lsn:
        raise refused(
            f"the log up to {lsn_text(reached)} only, not to {lsn_text(mark.lsn)} as was received by {_said(mark.at)}",
            f"up to {_said(end)} for {_said(target)}: a part of the log is missing or damaged",
            STATUS,
        )


def _beyond(target: datetime, last: datetime) -> Exception:
    return refused(
        f"{_said(target)}, later than what was received",
        f"up to {_said(last)}",
        "ask for an earlier moment, or for --as-of latest",
    )


def _rows(copy: Copy, base: Backup) -> dict[str, int]:
    """Counted, not estimated."""
    databases = ask(copy, base.database, base.superuser, DATABASES)
    found = dict[str, int]()
    for (database,) in databases:
        tables = [name for (name,) in ask(copy, database, base.superuser, TABLES)]
        if tables:
            counts = ", ".join(f"(SELECT count(*) FROM ONLY {name})" for name in tables)  # noqa: S608
            counted = ask(copy, database, base.superuser, f"SELECT ARRAY[{counts}]")[0][0]
            found |= {f"{database}.{name}": count for name, count in zip(tables, counted, strict=True)}
    return found


def _said(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(sep=" ")


REACHED = """SELECT pg_last_xact_replay_timestamp(), (pg_last_wal_replay_lsn() - '0/0')::bigint,
    (SELECT timeline_id FROM pg_control_checkpoint())"""
DATABASES = "SELECT datname::text FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1"
TABLES = "SELECT format('%I.%I', schemaname, relname) FROM pg_stat_user_tables ORDER BY 1"
