"""A restored copy of production, started where nobody but its owner reaches it: a Unix socket in a private folder."""

from __future__ import annotations

import os
import pwd
import stat
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from opetence_assets.postgres.binaries import Failed, Programs, environment
from opetence_assets.postgres.refused import refused
from opetence_assets.sources.postgres_server import opened

if TYPE_CHECKING:
    from tenacity import RetryCallState

USERS = ("postgres", "pgserver")  # whom root hands the copy to: PostgreSQL refuses root
LONGEST_SOCKET = 103  # bytes of sun_path: 107 on Linux, 103 on macOS
PORT = 5432  # of the socket's name only
CONF, HBA, IDENT, LOG = "postgresql.conf", "pg_hba.conf", "pg_ident.conf", "server.log"
POLL = 0.05  # seconds
SAID = 4000  # characters of its log
RECOVERY_LIMIT = 24 * 3600.0  # seconds; an hour of a busy server's log is replayed in minutes


@dataclass(frozen=True)
class Copy:
    """A restored copy: its folder (``data/``, settings, ``server.log``), and its programs."""

    folder: Path
    tools: Programs

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / LOG

    @property
    def sockets(self) -> Path:
        """As its settings say."""
        line = next(line for line in (self.folder / CONF).read_text().splitlines() if line.startswith("unix_socket"))
        return Path(line.partition("= ")[2].strip("'\""))

    def uri(self, database: str, role: str) -> str:
        """Where its owner (or root) reaches it, as any role."""
        return f"postgresql://{quote(role)}@/{quote(database)}?host={quote(str(self.sockets), safe='/')}&port={PORT}"

    @property
    def is_running(self) -> bool:
        return (self.data / "postmaster.pid").exists()


def passable(copy: Copy) -> None:
    """Sees that the copy's owner will reach it: asked before anything is unpacked, which may take hours.

    Raises:
        DataError: the owner may not pass through a folder above the copy or the programs.
    """
    owner = _owner()
    for place in (copy.folder, copy.tools.folder / "postgres") if os.geteuid() == 0 else ():
        closed = [folder for folder in place.parents if not folder.stat().st_mode & stat.S_IXOTH]
        if closed:
            raise refused(
                f"{closed[0]} closed to the user {owner.pw_name}, who runs PostgreSQL for root",
                "folders that it may pass through",
                f"chmod o+x {closed[0]}, or restore elsewhere",
            )


def configured(copy: Copy, target: datetime | None) -> None:
    """Writes the copy's settings: recover up to a moment (None: to the end of the log) and then open for writing."""
    owner = _owner()
    if not (copy.folder / CONF).exists():
        _hand_over(copy, owner)
        sockets = _sockets(copy, owner)
    else:
        sockets = copy.sockets
    settings = {
        "unix_socket_directories": f'"{sockets}"',
        "listen_addresses": "",
        "hba_file": str(copy.folder / HBA),
        "ident_file": str(copy.folder / IDENT),
        "timezone": "UTC",
        "log_timezone": "UTC",
        "hot_standby": "off",  # who connects sees the target's state, never one before it
        "recovery_init_sync_method": "syncfs" if sys.platform == "linux" else "fsync",  # not 1,300 fsyncs, one
        "restore_command": "false",  # the log is in pg_wal
        "recovery_target_time": target.astimezone(UTC).isoformat(sep=" ") if target else "",
        "recovery_target_action": "promote",
        "shared_buffers": "256MB",
        "max_wal_size": "4GB",
        "max_prepared_transactions": "1000",
        "max_logical_replication_workers": "0",  # a copy must not subscribe to what production does
    }
    lines = "".join(f"{name} = '{_escaped(value)}'\n" for name, value in settings.items())
    users = {pwd.getpwuid(os.geteuid()).pw_name, owner.pw_name}
    _write(copy.folder / CONF, lines, owner)
    _write(copy.folder / HBA, "local all all peer map=owner\n", owner)
    _write(copy.folder / IDENT, "".join(f'owner "{user}" all\n' for user in sorted(users)), owner)
    for name in ("recovery.signal", "postgresql.auto.conf"):
        _write(copy.data / name, "", owner)


def started(copy: Copy, database: str, role: str) -> None:
    """Starts the copy and waits until its recovery has ended.

    Raises:
        Failed: it did not come up; ``said`` is the end of its log.
    """
    from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

    copy.log.unlink(missing_ok=True)
    # It returns once recovery has begun, so that from here on a server that does not run has failed.
    _control(
        copy,
        "--wait",
        "--timeout",
        f"{RECOVERY_LIMIT:.0f}",
        "--log",
        str(copy.log),
        "-o",
        f'-c config_file="{copy.folder / CONF}"',
        "start",
    )
    waiting = Retrying(
        retry=retry_if_result(lambda open_: not open_),
        wait=wait_fixed(POLL),
        stop=stop_after_delay(RECOVERY_LIMIT),
        retry_error_callback=_gave_up,
    )
    if not waiting(_is_open, copy, database, role):
        raise Failed("postgres", 1, f"its recovery takes longer than {RECOVERY_LIMIT:,.0f} s; read {copy.log}")


def stopped(copy: Copy) -> None:
    """Stops a running copy; its data stays."""
    if copy.is_running:
        _control(copy, "--wait", "--mode", "fast", "--silent", "stop")


def ask(copy: Copy, database: str, role: str, sql: str) -> list[tuple[Any, ...]]:
    """All rows of a question to a running copy."""
    with opened(copy.uri(database, role)) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def _is_open(copy: Copy, database: str, role: str) -> bool:
    import adbc_driver_postgresql.dbapi as adbc

    try:
        return ask(copy, database, role, "SELECT NOT pg_is_in_recovery()") == [(True,)]
    except adbc.Error:
        if _controlled(copy, "status"):
            raise Failed("postgres", 1, _said(copy)) from None
        return False


def _gave_up(_: RetryCallState) -> bool:
    return False


def _control(copy: Copy, *arguments: str) -> None:
    if code := _controlled(copy, *arguments):
        raise Failed("pg_ctl", code, _said(copy))


def _said(copy: Copy) -> str:
    return copy.log.read_text(errors="replace").strip()[-SAID:] if copy.log.exists() else ""


def _controlled(copy: Copy, *arguments: str) -> int:
    """``pg_ctl`` as the copy's owner. Its output goes nowhere: a server that it starts would hold a pipe for ever."""
    import subprocess

    owner = _owner()
    another = os.geteuid() == 0
    return subprocess.run(
        [str(copy.tools.folder / "pg_ctl"), "--pgdata", str(copy.data), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
        cwd="/",
        check=False,
        user=owner.pw_uid if another else None,
        group=owner.pw_gid if another else None,
        extra_groups=[] if another else None,
    ).returncode


def _owner() -> pwd.struct_passwd:
    """Who runs the copy: this user or, for root, the machine's PostgreSQL user.

    Raises:
        DataError: root, and there is no such user.
    """
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    known: Mapping[str, pwd.struct_passwd] = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in USERS:
        if name in known:
            return known[name]
    raise refused(
        "root, whom PostgreSQL refuses to run for", f"a user {USERS[0]} to run as", "useradd --system postgres"
    )


def _hand_over(copy: Copy, owner: pwd.struct_passwd) -> None:
    """Makes the copy its owner's alone."""
    for folder, _, names in os.walk(copy.folder):
        for path in (folder, *(os.path.join(folder, name) for name in names)):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    copy.folder.chmod(0o700)


def _sockets(copy: Copy, owner: pwd.struct_passwd) -> Path:
    """The socket's folder: the copy's, or a short private one where that path is too long for a socket."""
    if len(os.fsencode(copy.folder / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET:
        return copy.folder
    folder = Path(tempfile.mkdtemp(prefix="opetence-", dir="/tmp"))
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    return folder


def _write(file: Path, text: str, owner: pwd.struct_passwd) -> None:
    file.write_text(text)
    file.chmod(0o600)
    os.chown(file, owner.pw_uid, owner.pw_gid)


def _escaped(value: str) -> str:
    return value.replace("'", "''")
