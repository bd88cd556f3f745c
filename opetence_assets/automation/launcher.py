"""Starts each run in a worker forked from a process that has imported everything already.

Dagster's own launcher starts a new interpreter a run: 7 s of imports before the first step. A forked worker needs
0.3 s. Without the warm process (it is starting, or the code has changed under it) a run starts the slow way, so that a
run never depends on it.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from time import time
from typing import Any

import psutil
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import ConfigurableClass, ConfigurableClassData, serialize_value

WORKER = "opetence/worker"  # run tag: process id and its start, which together name a process for good
PATIENCE = 10  # seconds to wait for a fork before starting the slow way
YOUNG = 20  # seconds in which a run may not have its own tag yet: one tried again starts with that of the killed one


class WarmRunLauncher(RunLauncher[Any], ConfigurableClass):
    """Named in ``dagster.yaml``; lives in the daemon."""

    def __init__(self, warm_socket: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._socket, self._inst_data = Path(warm_socket), inst_data
        super().__init__()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {"warm_socket": str}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Any:
        return cls(inst_data=inst_data, **config_value)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Starts the worker and notes in the run's tags which process it is."""
        run, origin = context.dagster_run, context.job_code_origin
        assert origin is not None
        arguments = serialize_value(ExecuteRunArgs(origin, run.run_id, self._instance.get_ref()))
        pid = forked(self._socket, arguments) or _started(arguments)
        self._instance.add_run_tags(run.run_id, worker_tag(pid))

    def terminate(self, run_id: str) -> bool:
        """Interrupts the worker; what it has not committed is as if it had never been."""
        run = self._instance.get_run_by_id(run_id)
        worker = _worker(run) if run and not run.is_finished else None
        if run is None or worker is None:
            return False
        self._instance.report_run_canceling(run)
        worker.terminate()
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """A killed worker is seen within a poll of the run monitor, and its run tried again."""
        record = self._instance.get_run_record_by_id(run.run_id)
        young = record is None or record.start_time is None or time() - record.start_time < YOUNG
        if young or WORKER not in run.tags or _is_alive(_worker(run)):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, f"its process ({run.tags[WORKER]}) is gone")


def worker_tag(pid: int) -> dict[str, str]:
    """Says which process executes a run."""
    return {WORKER: process_name(pid)}


def process_name(pid: int) -> str:
    """Process id and its start, which together name a process for good."""
    return f"{pid} {_born(pid)}"


def bury_dead(instance: DagsterInstance) -> None:
    """Ends runs whose process is gone and frees the pools they hold; else the next run would wait for them for good.

    The daemon does the same all the time; this is for a machine where none runs.
    """
    for run in instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTED])):
        if WORKER in run.tags and not _is_alive(_worker(run)):
            instance.report_run_failed(run, f"its process ({run.tags[WORKER]}) is gone")
    storage = instance.event_log_storage
    for run_id in storage.get_concurrency_run_ids():
        run = instance.get_run_by_id(run_id)
        if run.is_finished if run else not _is_alive(_process(run_id)):  # a process without a run follows changes
            storage.free_concurrency_slots_for_run(run_id)


def forked(place: Path, arguments: str) -> int | None:
    """The process id of a worker forked for these arguments; None if the warm process cannot."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(str(place))
            connection.sendall(arguments.encode())
            connection.shutdown(socket.SHUT_WR)
            answer = connection.makefile("rb").read()
    except OSError:
        return None
    return json.loads(answer)["pid"] if answer else None


def _started(arguments: str) -> int:
    command = [sys.executable, "-m", "dagster", "api", "execute_run", arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True).pid


def _born(pid: int) -> str:
    try:
        return f"{psutil.Process(pid).create_time():.2f}"
    except psutil.NoSuchProcess:
        return "gone"


def _worker(run: DagsterRun) -> psutil.Process | None:
    return _process(run.tags.get(WORKER, ""))


def _process(name: str) -> psutil.Process | None:
    pid, _, born = name.partition(" ")
    return psutil.Process(int(pid)) if pid.isdigit() and _born(int(pid)) == born else None


def _is_alive(worker: psutil.Process | None) -> bool:
    return worker is not None and worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE
