"""A process with everything imported that forks a worker for each run: ``python -m opetence_assets.command.warm``.

It never runs a step itself and starts no thread pool, so that what a worker inherits is at rest. When a file of the
platform has changed it begins anew: a run never executes yesterday's code.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from opetence_assets.settings import read_settings

# What steps import when they first need it; without these lines each worker would import it anew.
HEAVY = (
    "adbc_driver_postgresql.dbapi",
    "dagster._core.storage.runs",
    "dagster._core.storage.schedules",
    "dbt.adapters.duckdb",
    "dbt.cli.main",
    "deltalake",
    "dlt",
    "duckdb",
    "opetence_assets.automation.event_log",
    "opetence_assets.backup.snapshot",
    "opetence_assets.ingestion.bronze",
    "opetence_assets.refinement.silver",
    "opetence_assets.warehouse.publish",
    "pyarrow.dataset",
    "pyarrow.parquet",
)
ROOT = Path(__file__).parents[2]
GRACE = 60  # seconds that running workers get to finish when the platform stops


def main(place: Path) -> None:
    """Serves forks on the Unix socket ``place`` until it is terminated; then waits for the workers it has."""
    before = state_of_code()
    _imported()
    workers: set[int] = set()
    signal.signal(signal.SIGTERM, _leave)
    try:
        with _listening(place) as listener:
            while state_of_code() == before:
                _answer(listener, before, workers)
    except KeyboardInterrupt:
        _see_off(workers)
        return
    os.execv(sys.executable, [sys.executable, "-m", "opetence_assets.command.warm", str(place)])


def state_of_code() -> dict[str, int]:
    """File → when it was last written, of everything a worker executes. ~3 ms."""
    folders = (ROOT / "opetence_assets", ROOT / "dbt")
    files = (path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".sql", ".yml"))
    return {str(path): path.stat().st_mtime_ns for path in files}


def _imported() -> None:
    from opetence_assets.lineage.columns import is_kept
    from opetence_assets.warehouse.manifest import ensure_manifest, parsed_project

    for name in HEAVY:
        import_module(name)
    if not is_kept(ensure_manifest(read_settings())):
        _in_a_child("opetence_assets.definitions")
    definitions = import_module("opetence_assets.definitions")
    definitions.defs.get_repository_def()
    parsed_project(read_settings())  # dbt's own object, 2 s to read: workers inherit it
    gc.collect()
    gc.freeze()  # a worker's collector would touch, and so copy, every inherited page


def _in_a_child(module: str) -> None:
    """Imports a module where it may start threads: making the column graph asks Polars, whose pool no fork survives."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            import_module(module)
            code = 0
        finally:
            os._exit(code)
    os.waitpid(pid, 0)


@contextmanager
def _listening(place: Path) -> Generator[socket.socket]:
    place.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        place.chmod(0o600)
        listener.listen()
        listener.settimeout(1)
        yield listener


def _answer(listener: socket.socket, before: dict[str, int], workers: set[int]) -> None:
    _bury(workers)
    try:
        connection, _ = listener.accept()
    except TimeoutError:
        return
    with connection:
        arguments = connection.makefile("rb").read().decode()
        if state_of_code() != before:
            return  # no answer: the run starts the slow way, with the new code
        pid = os.fork()
        if pid == 0:
            listener.close()
            connection.close()
            _work(arguments)
        workers.add(pid)
        connection.sendall(json.dumps({"pid": pid}).encode())


def _work(arguments: str) -> None:
    """Becomes the worker of one run. Never returns: the parent's frames are not its own."""
    from dagster._cli.api import execute_run_command

    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    # The run's own log is in the UI; this console is for a worker that dies before its first event.
    log = os.open(Path(os.environ["DAGSTER_HOME"]) / "worker.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    code = 1
    try:
        execute_run_command.main([arguments], standalone_mode=False)
        code = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(code)


def _bury(workers: set[int]) -> None:
    """Takes leave of workers that ended, also of those forked before this process began anew."""
    try:
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            workers.discard(pid)
    except ChildProcessError:
        workers.clear()


def _see_off(workers: set[int]) -> None:
    """Lets the workers finish; kills those still there after the grace: their runs start again with the platform."""
    signal.signal(signal.SIGALRM, _leave)
    signal.alarm(GRACE)
    try:
        while workers:
            workers.discard(os.wait()[0])
    except KeyboardInterrupt:
        for pid in workers:
            os.kill(pid, signal.SIGKILL)


def _leave(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main(Path(sys.argv[1]))
