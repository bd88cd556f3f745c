"""Drift events: one small file each in the lake, written once, never changed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256

from opetence_assets.lake.places import Lake, listing, put_new, read

FOLDER = "drift"


@dataclass(frozen=True)
class DriftEvent:
    """A change of a source's columns, the first time it was met."""

    dataset: str
    change: str  # added: NAME, removed: NAME, retyped: NAME OLD (bronze has NEW)
    outcome: str  # what became of it: evolve, quarantine or refused
    load: str | None  # the load that took it in
    at: str  # ISO-8601, UTC


def note(lake: Lake, dataset: str, change: str, *, load: str | None, outcome: str) -> None:
    """Records a change; one that was met before with the same outcome stays as it was first seen."""
    event = DriftEvent(dataset, change, outcome, load, datetime.now(UTC).isoformat(timespec="seconds"))
    identity = sha256(f"{change}/{outcome}".encode()).hexdigest()[:16]
    put_new(lake, f"{FOLDER}/{dataset}/{identity}.json", json.dumps(asdict(event)).encode())


def drift_events(lake: Lake, dataset: str) -> list[DriftEvent]:
    """All changes of one dataset's source, oldest first."""
    files = listing(lake, f"{FOLDER}/{dataset}")
    return sorted((DriftEvent(**json.loads(read(lake, file))) for file in files), key=lambda event: event.at)
