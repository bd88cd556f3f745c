"""A run whose process is gone ends and frees what it held."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterEvent, DagsterEventType, job, op

from opetence_assets.automation.launcher import bury_dead, forked, worker_tag

pytestmark = pytest.mark.dagster


@op
def nothing() -> None: ...


@job
def idle() -> None:
    nothing()


def started_run(instance: dg.DagsterInstance, pid: int) -> str:
    run = instance.create_run_for_job(idle, tags=worker_tag(pid))
    instance.report_dagster_event(DagsterEvent(DagsterEventType.RUN_START.value, "idle"), run.run_id)
    return run.run_id


def test_only_runs_of_dead_processes_are_ended(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        dead, alive = started_run(instance, process.pid), started_run(instance, os.getpid())
        instance.event_log_storage.set_concurrency_slots("gold", 1)
        instance.event_log_storage.claim_concurrency_slot("gold", dead, "gold")
        process.kill()
        process.communicate()
        bury_dead(instance)
        statuses = [instance.get_run_by_id(run_id).status for run_id in (dead, alive)]
        assert statuses == [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED]
        assert not instance.event_log_storage.get_concurrency_info("gold").claimed_slots


def test_without_a_warm_process_the_launcher_is_told_so(tmp_path: Path) -> None:
    assert forked(tmp_path / "nobody.sock", "{}") is None
