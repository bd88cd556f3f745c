"""``opetence ui``: Dagster's web server, its daemon and a code server, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from opetence_assets.command.instance import warm_socket
from opetence_assets.command.warm import GRACE

HOST = "127.0.0.1"  # Dagster's server has no login: never bind it wider
RESTART_AFTER = 5  # seconds between attempts to start a server that does not stay up


def ui(port: Annotated[int, typer.Option(help="port of the web server")] = 3000) -> None:
    """Serves the lineage graph on 127.0.0.1 with sensors, schedules and automation running."""
    from opetence_assets.command.instance import prepare_dagster_home
    from opetence_assets.command.run import ensure_sandbox
    from opetence_assets.postgres.address import URI, production_uri
    from opetence_assets.settings import read_settings
    from opetence_assets.warehouse.manifest import ensure_manifest

    ensure_sandbox()
    settings = read_settings()
    prepare_dagster_home(settings)
    ensure_manifest(settings)
    _create_storage()
    receives = production_uri(settings) is not None
    if not receives:
        typer.echo(f"{URI} is not set: production's PostgreSQL is not backed up")
    sockets = warm_socket(settings), settings.dagster_home / "code.sock"
    with _alone(settings.dagster_home / "ui.pids") as pids:
        typer.echo(f"Opetence on http://{HOST}:{port}   (Ctrl-C stops it; drop partners' files in {settings.drop})")
        _serve(_commands(port, *sockets, _workspace(settings.dagster_home, sockets[1]), receives), sockets, pids)


def _create_storage() -> None:
    """Before servers race for it: the loser of a CREATE TABLE shows an error in the first page somebody opens."""
    import dagster as dg

    with dg.DagsterInstance.get() as instance:
        instance.all_instigator_state()
        instance.get_runs_count()
        instance.event_log_storage.get_concurrency_keys()


def _commands(port: int, warm: Path, code: Path, workspace: Path, receives: bool) -> list[list[str]]:
    """What loads the code, then what needs it loaded; then the receiver of production's log, where there is one."""
    quiet = ["--log-level", "warning"]
    location = ["-m", "opetence_assets.definitions", "--location-name", "opetence", "--inject-env-vars-from-instance"]
    commands = [
        ["opetence_assets.command.warm", str(warm)],
        ["dagster", "code-server", "start", "-s", str(code), *location, *quiet],
        ["dagster_webserver", "-h", HOST, "-p", str(port), "-w", str(workspace), *quiet],
        ["dagster._daemon", "run", "-w", str(workspace), *quiet],
        ["opetence_assets.command.following"],
        *([["opetence_assets.command.receiving"]] if receives else []),
    ]
    return [[sys.executable, "-m", *command] for command in commands]


def _workspace(folder: Path, socket: Path) -> Path:
    """The same code location as workspace.yaml's, served by the one code server."""
    file = folder / "workspace.yaml"
    file.write_text(f"load_from:\n  - grpc_server:\n      socket: {socket}\n      location_name: opetence\n")
    return file


@contextmanager
def _alone(file: Path) -> Generator[Path]:
    """Ends what a killed ``opetence ui`` of this home left behind: two daemons would both request what is due.

    Raises:
        typer.BadParameter: this home's UI is up.
    """
    import psutil

    for line in file.read_text().splitlines() if file.exists() else ():
        pid, born, name = line.split(" ", 2)
        if psutil.pid_exists(int(pid)) and str(psutil.Process(int(pid)).create_time()) == born:
            if name == "ui":
                raise typer.BadParameter(f"this home's UI is up as process {pid}; stop it first: kill {pid}")
            psutil.Process(int(pid)).terminate()
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)


def _serve(commands: list[list[str]], sockets: Sequence[Path], pids: Path) -> None:
    # A server started from a shell's background would ignore SIGINT and hand that on to its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _stop)
    processes: list[subprocess.Popen[bytes]] = []
    for socket in sockets:
        socket.unlink(missing_ok=True)
    try:
        for command in commands:
            if len(processes) == len(sockets):
                _await_sockets(sockets, processes)
            processes.append(subprocess.Popen(command, start_new_session=True))
            _note(pids, processes)
        while True:
            time.sleep(1)
            for place, process in enumerate(processes):
                if process.poll() is not None:
                    typer.echo(f"{commands[place][2]} ended with {process.returncode}; starting it again", err=True)
                    processes[place] = subprocess.Popen(commands[place], start_new_session=True)
                    _note(pids, processes)
                    time.sleep(RESTART_AFTER)
    except KeyboardInterrupt:
        typer.echo("stopping: no new run starts, those under way finish ...")
    finally:
        _end(processes)


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in reversed(processes):
        process.terminate()
    for process in processes:
        try:
            process.wait(timeout=GRACE + 5)
        except subprocess.TimeoutExpired:
            process.kill()


def _note(pids: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    import psutil

    names = {os.getpid(): "ui", **{process.pid: "server" for process in processes}}
    pids.write_text("".join(f"{pid} {psutil.Process(pid).create_time()} {name}\n" for pid, name in names.items()))


def _stop(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


def _await_sockets(sockets: Sequence[Path], servers: list[subprocess.Popen[bytes]]) -> None:
    while not all(socket.exists() for socket in sockets):
        for server in servers:
            if server.poll() is not None:
                raise typer.Exit(server.returncode or 1)
        time.sleep(0.05)
