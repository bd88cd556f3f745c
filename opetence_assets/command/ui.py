"""``opetence ui``: Dagster's web server, its daemon and a code server, until Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

HOST = "127.0.0.1"  # Dagster's server has no login: never bind it wider


def ui(port: Annotated[int, typer.Option(help="port of the web server")] = 3000) -> None:
    """Serves the lineage graph on 127.0.0.1 with sensors, schedules and automation running."""
    from opetence_assets.command.instance import prepare_dagster_home
    from opetence_assets.command.run import ensure_sandbox
    from opetence_assets.settings import read_settings
    from opetence_assets.warehouse.manifest import ensure_manifest

    ensure_sandbox()
    settings = read_settings()
    prepare_dagster_home(settings)
    ensure_manifest(settings)
    socket = settings.dagster_home / "code.sock"
    workspace = _workspace(settings.dagster_home, socket)
    typer.echo(f"Opetence on http://{HOST}:{port}   (Ctrl-C stops it; drop partners' files in {settings.drop})")
    code = ["code-server", "start", "-m", "opetence_assets.definitions", "--location-name", "opetence", "-s", str(socket)]
    commands = [
        [sys.executable, "-m", "dagster", *code, "--inject-env-vars-from-instance"],
        [sys.executable, "-m", "dagster_webserver", "-h", HOST, "-p", str(port), "-w", str(workspace)],
        [sys.executable, "-m", "dagster._daemon", "run", "-w", str(workspace)],
    ]
    _serve(commands, socket)


def _workspace(folder: Path, socket: Path) -> Path:
    """The same code location as workspace.yaml's, served by the one code server: runs start warm."""
    file = folder / "workspace.yaml"
    file.write_text(f"load_from:\n  - grpc_server:\n      socket: {socket}\n      location_name: opetence\n")
    return file


def _serve(commands: list[list[str]], socket: Path) -> None:
    processes: list[subprocess.Popen[bytes]] = []
    # A server started from a shell's background would ignore SIGINT and hand that on to its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _stop)
    socket.unlink(missing_ok=True)
    try:
        processes.append(subprocess.Popen(commands[0]))
        _wait_for(socket, processes[0])
        processes.extend(subprocess.Popen(command) for command in commands[1:])
        while all(process.poll() is None for process in processes):
            time.sleep(0.5)
    except KeyboardInterrupt:
        typer.echo("stopping ...")
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()


def _stop(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


def _wait_for(socket: Path, server: subprocess.Popen[bytes]) -> None:
    while not socket.exists():
        if server.poll() is not None:
            raise typer.Exit(server.returncode or 1)
        time.sleep(0.05)
