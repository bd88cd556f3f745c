"""The process that a kill test kills; what it needs is imported here, for it is forked a dozen times."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from opetence_assets.lake.places import Lake
from opetence_assets.warehouse.build import GoldBuild
from opetence_assets.warehouse.publish import publish


def publish_and_die(build: GoldBuild, database: Path, lake: Lake, links: int) -> None:
    """Publishes until the ``links``-th commit is about to become visible; 0 lives."""
    import duckdb

    met = 0

    def audit(event: str, _: Any) -> None:
        nonlocal met
        met += event == "os.link"
        if event == "os.link" and met == links:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(audit)
    connection = duckdb.connect(str(database), read_only=True)
    connection.execute("set TimeZone = 'UTC'")
    publish(replace(build, connection=connection, run=uuid4().hex, scratch=database.parent), lake, others={})
