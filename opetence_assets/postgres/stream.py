"""Production's log as it is written: ``pg_receivewal`` kept running, with a mark of how far it came.

A physical slot keeps what was not received; the server bounds it (``max_slot_wal_keep_size``). Where it was lost, what
was received before is put aside, the gap is said, and the next base backup is full.
"""

# ruff: noqa: S608  (the only name in a statement is the slot's)

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from opetence_assets.dataset import DataError
from opetence_assets.lake.durability import fsync_folder, made_folder
from opetence_assets.postgres.address import asked, libpq_variables, told
from opetence_assets.postgres.binaries import Programs, environment, programs
from opetence_assets.postgres.refused import refused
from opetence_assets.postgres.wal import EARLIER, RECEIVING, Mark, read_mark, write_mark

SLOT = "opetence_backup"
TICK = 1.0  # seconds between two marks
LONGEST_WAIT = 10.0  # seconds between two attempts
REMOVED = "has already been removed"  # what the server says when asked for a part of the log that it no longer has


@dataclass(frozen=True)
class Lag:
    """How far the receiver is behind.

    Attributes:
        at: the server's clock.
        written: where the server's log ends, durably.
        received: where the receiver's does; None before its first connection.
        status: PostgreSQL's ``wal_status`` of the slot: reserved, extended, unreserved, lost.
    """

    at: datetime
    written: int
    received: int | None
    status: str
    is_active: bool

    @property
    def bytes(self) -> int | None:
        return None if self.received is None else max(self.written - self.received, 0)


def lag(uri: str) -> Lag | None:
    """What the server says; None if it has no slot of ours."""
    *found, exists = asked(uri, LAG)
    return Lag(*found) if exists else None


def received(
    folder: Path,
    uri: str,
    variables: Mapping[str, str],
    ended: threading.Event,
    say: Callable[[str], None],
) -> None:
    """Receives production's log into ``folder`` until ``ended`` is set; starts again, ever slower, what stops.

    Args:
        say: is told of every interruption and of every gap.

    Raises:
        DataError: another receiver has the folder.
    """
    from tenacity import (
        Retrying,
        retry_if_exception_type,
        sleep_using_event,
        stop_when_event_set,
        wait_random_exponential,
    )

    made_folder(folder / RECEIVING)
    with _alone(folder):
        while not ended.is_set():
            again = Retrying(
                retry=retry_if_exception_type((DataError, Interrupted)),
                wait=wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT),
                sleep=sleep_using_event(ended),
                stop=stop_when_event_set(ended),
                before_sleep=lambda state: say(f"{state.outcome.exception() if state.outcome else ''}"),
                retry_error_callback=lambda _: None,
            )
            again(_one_connection, folder, uri, variables, ended, say)


class Interrupted(Exception):
    """The receiver ended before it had received anything."""


def _one_connection(
    folder: Path, uri: str, variables: Mapping[str, str], ended: threading.Event, say: Callable[[str], None]
) -> None:
    """Receives until the receiver ends. Returns if it had received something, so that the next attempt is at once."""
    server = told(uri)
    mark = read_mark(folder)
    if mark and mark.system != server["system"]:
        raise refused(
            f"the log of another server in {folder}", "one server's", "move the folder away, or mend the address"
        )
    tools = programs(variables, server["major"])
    _slot_made(folder, uri, say)
    with tempfile.TemporaryFile("w+") as output:
        receiver = _begun(tools, folder, uri, output.fileno())
        try:
            marked = _marked(folder, uri, server["system"], receiver, ended)
        finally:
            _stopped(receiver)
        output.seek(0)
        said = output.read().strip()[-500:]
    if ended.is_set():
        return
    if REMOVED in said:
        say(_set_aside(folder, "the server no longer has what comes next"))
        return
    interrupted = f"production: the receiver of its log ended ({receiver.returncode}): {said or 'it said nothing'}"
    if not marked:
        raise Interrupted(interrupted)
    say(interrupted)


def _slot_made(folder: Path, uri: str, say: Callable[[str], None]) -> None:
    """A slot that holds the log back until it was received; made anew where it was lost."""
    found = lag(uri)
    if found is not None and found.status == "lost":
        asked(uri, f"SELECT pg_drop_replication_slot('{SLOT}')::text")
        say(_set_aside(folder, f"slot {SLOT} was lost: it fell further behind than max_slot_wal_keep_size"))
        found = None
    if found is None:
        asked(uri, f"SELECT slot_name::text FROM pg_create_physical_replication_slot('{SLOT}', true)")


def _set_aside(folder: Path, why: str) -> str:
    """What was received before a gap stays usable for the moments that it reaches; says so."""
    made_folder(folder / EARLIER)
    for file in (folder / RECEIVING).iterdir():
        os.replace(file, folder / EARLIER / file.name)
    for place in (EARLIER, RECEIVING):
        fsync_folder(folder / place)
    mark = read_mark(folder)
    since = f" after {mark.at.isoformat(sep=' ')}" if mark else ""
    return (
        f"production: A GAP IN THE LOG{since}: {why}. Moments from there to the next base backup cannot be restored."
        " Next: opetence postgres backup (it will be full)"
    )


def _begun(tools: Programs, folder: Path, uri: str, output: int) -> subprocess.Popen[bytes]:
    receiver = subprocess.Popen(
        [
            str(tools.folder / "pg_receivewal"),
            *("--directory", str(folder / RECEIVING), "--slot", SLOT),
            *("--synchronous", "--no-loop", "--no-password", "--status-interval", "1"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=environment({**libpq_variables(uri), "PGAPPNAME": SLOT}),
        start_new_session=True,
    )
    _pid_file(folder).write_text(f"{receiver.pid} {_born(receiver.pid)}\n")
    return receiver


def _marked(folder: Path, uri: str, system: int, receiver: subprocess.Popen[bytes], ended: threading.Event) -> bool:
    """Writes marks while the receiver runs; whether there was one."""
    pending: Mark | None = None
    written = False
    while not ended.is_set() and not _is_over(receiver):
        try:
            now = lag(uri)
        except DataError:  # the server is down: the receiver notices by itself
            continue
        if now is None or now.received is None:
            continue
        pending = pending or Mark(now.at, now.written, system)
        if now.received >= pending.lsn:
            write_mark(folder, pending)
            written, pending = True, None
            if now.received >= now.written:
                continue
    return written


def _is_over(receiver: subprocess.Popen[bytes]) -> bool:
    """Waits a tick for its end."""
    try:
        receiver.wait(TICK)
    except subprocess.TimeoutExpired:
        return False
    return True


def _stopped(receiver: subprocess.Popen[bytes]) -> None:
    receiver.send_signal(signal.SIGINT)
    try:
        receiver.wait(10)
    except subprocess.TimeoutExpired:
        receiver.kill()
        receiver.wait()


def _pid_file(folder: Path) -> Path:
    return folder / "receiver.pid"


def _born(pid: int) -> float:
    import psutil

    return psutil.Process(pid).create_time()


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    """One receiver a folder; one that a killed process of ours left running is ended first.

    Raises:
        DataError: another is at it.
    """
    with (folder / ".receiving").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise refused(f"another receiver at work in {folder}", "one", "let it run, or stop it first") from None
        _end_orphan(folder)
        yield


def _end_orphan(folder: Path) -> None:
    import psutil

    try:
        pid, born = _pid_file(folder).read_text().split()
        orphan = psutil.Process(int(pid))
        if str(orphan.create_time()) == born:
            orphan.terminate()
            orphan.wait(10)
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return


LAG = f"""SELECT clock_timestamp(), (pg_current_wal_flush_lsn() - '0/0')::bigint, (restart_lsn - '0/0')::bigint,
    coalesce(wal_status, ''), coalesce(active, false), slot_name IS NOT NULL
    FROM (SELECT 1) one LEFT JOIN pg_replication_slots ON slot_name = '{SLOT}'"""
