"""The kept event log writes what Dagster's own reads, in a forked child too, and keeps few files open."""

from __future__ import annotations

import os
import time
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.events import DagsterEvent, DagsterEventType, StepMaterializationData
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage

from opetence_assets.automation.event_log import OPEN_AT_MOST, KeptEventLog

pytestmark = pytest.mark.dagster
KEY = dg.AssetKey(["silver", "shop", "orders"])


def stored(log: SqliteEventLogStorage, run: str, rows: int) -> None:
    data = StepMaterializationData(dg.AssetMaterialization(KEY, metadata={"rows": rows}))
    event = DagsterEvent(DagsterEventType.ASSET_MATERIALIZATION.value, "job", event_specific_data=data)
    log.store_event(EventLogEntry(None, 10, "", run, time.time(), dagster_event=event))


def test_dagsters_own_storage_reads_what_it_wrote_and_the_other_way_round(tmp_path: Path) -> None:
    kept, own = KeptEventLog(str(tmp_path)), SqliteEventLogStorage(str(tmp_path))
    for number, log in enumerate((kept, own, kept, own)):
        stored(log, "run", number)

    for log in (kept, own):
        assert len(log.get_logs_for_run("run")) == 4
        latest = log.get_latest_materialization_events([KEY])[KEY]
        assert latest is not None
        assert latest.asset_materialization is not None
        assert latest.asset_materialization.metadata["rows"].value == 3
    kept.dispose()


def test_a_forked_child_opens_its_own_connections(tmp_path: Path) -> None:
    log = KeptEventLog(str(tmp_path))
    stored(log, "run", 1)

    child = os.fork()
    if child == 0:
        stored(log, "run", 2)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0

    stored(log, "run", 3)
    assert len(log.get_logs_for_run("run")) == 3
    log.dispose()


def test_a_daemon_that_sees_many_runs_keeps_few_files_open(tmp_path: Path) -> None:
    log = KeptEventLog(str(tmp_path))
    for number in range(3 * OPEN_AT_MOST):
        stored(log, f"run{number}", number)

    opened = {file.path for file in psutil.Process().open_files() if file.path.startswith(str(tmp_path))}
    assert len({path for path in opened if path.endswith(".db")}) == OPEN_AT_MOST
    log.dispose()
