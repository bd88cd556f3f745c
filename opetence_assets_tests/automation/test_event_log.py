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


def entry(run: str, rows: int) -> EventLogEntry:
    data = StepMaterializationData(dg.AssetMaterialization(KEY, metadata={"rows": rows}))
    event = DagsterEvent(DagsterEventType.ASSET_MATERIALIZATION.value, "job", event_specific_data=data)
    return EventLogEntry(None, 10, "", run, time.time(), dagster_event=event)


def stored(log: SqliteEventLogStorage, run: str, rows: int) -> None:
    log.store_event(entry(run, rows))


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


def test_a_batch_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, own = KeptEventLog(str(tmp_path)), SqliteEventLogStorage(str(tmp_path))
    stored(kept, "run", 0)
    kept.store_event_batch([entry("run", rows) for rows in range(1, 4)])

    assert [e.asset_materialization.metadata["rows"].value for e in own.get_logs_for_run("run")] == [0, 1, 2, 3]  # type: ignore[union-attr]
    latest = own.get_latest_materialization_events([KEY])[KEY]
    assert latest is not None
    assert latest.asset_materialization is not None
    assert latest.asset_materialization.metadata["rows"].value == 3
    with pytest.raises(Exception, match="EventLogEntry"):
        kept.store_event_batch([entry("run", 4), "no event"])  # type: ignore[list-item]
    stored(kept, "run", 5)
    assert [e.asset_materialization.metadata["rows"].value for e in own.get_logs_for_run("run")] == [0, 1, 2, 3, 5]  # type: ignore[union-attr]
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
