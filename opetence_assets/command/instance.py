"""Dagster's home: its storage, queue and retention, derived from the settings."""

from __future__ import annotations

import os
from pathlib import Path

from opetence_assets.settings import Settings

# Why each line is there: docs/decisions/0003-dagster-settings.md
_YAML = """\
telemetry:
  enabled: false
nux:
  enabled: false
run_storage:
  module: dagster._core.storage.runs
  class: SqliteRunStorage
  config:
    base_dir: {home}/storage/history
event_log_storage:
  module: opetence_assets.automation.event_log
  class: KeptEventLog
  config:
    base_dir: {home}/storage/history/runs
schedule_storage:
  module: dagster._core.storage.schedules
  class: SqliteScheduleStorage
  config:
    base_dir: {home}/storage/schedules
compute_logs:
  module: dagster.core.storage.local_compute_log_manager
  class: LocalComputeLogManager
  config:
    base_dir: {home}/logs
run_coordinator:
  module: dagster._core.run_coordinator
  class: QueuedRunCoordinator
  config:
    dequeue_interval_seconds: 1
run_launcher:
  module: opetence_assets.automation.launcher
  class: WarmRunLauncher
  config:
    warm_socket: {warm}
run_monitoring:
  enabled: true
  start_timeout_seconds: 180
  max_runtime_seconds: 14400
  poll_interval_seconds: 10
  free_slots_after_run_end_seconds: 5
run_retries:
  enabled: true
  max_retries: 2
  retry_on_asset_or_op_failure: false
concurrency:
  runs:
    max_concurrent_runs: 4
  pools:
    default_limit: 1
    granularity: op
retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days: {{skipped: 2, failure: 30, success: 30}}
freshness:
  enabled: true
"""


def warm_socket(settings: Settings) -> Path:
    """Where the warm process answers; Dagster's launcher reads it from ``dagster.yaml``."""
    return settings.dagster_home / "warm.sock"


def prepare_dagster_home(settings: Settings) -> None:
    """Writes ``dagster.yaml`` and points this process and its children at it."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    text = _YAML.format(home=home, warm=warm_socket(settings))
    file = home / "dagster.yaml"
    if not file.exists() or file.read_text() != text:
        file.write_text(text)
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ["OPETENCE_HOME"] = str(settings.home)
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "500")  # what KeptEventLog writes in one transaction
