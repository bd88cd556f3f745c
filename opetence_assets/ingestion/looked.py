"""States of a source in which a load found nothing new: a cache beside the lake, whose loss costs one more read.

A source's fingerprint may move without a row (PostgreSQL's counters are flushed late, an update may change nothing).
The lake is not told: a commit without rows would send silver and gold round for nothing.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from opetence_assets.dataset import Dataset
from opetence_assets.settings import Settings


def note_nothing_new(dataset: Dataset, settings: Settings, version: int, fingerprint: str) -> None:
    """Remembers that bronze's version holds everything of the source in this state."""
    file = _file(dataset, settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    partial.write_text(json.dumps({"version": version, "fingerprint": fingerprint}))
    partial.replace(file)


def nothing_new_in(dataset: Dataset, settings: Settings, version: int) -> str | None:
    """The state in which nothing was found beyond bronze's version, if there was one."""
    file = _file(dataset, settings)
    if not file.exists():
        return None
    noted = json.loads(file.read_text())
    return noted["fingerprint"] if noted["version"] == version else None


def _file(dataset: Dataset, settings: Settings) -> Path:
    return settings.home / "looked" / f"{dataset.name.replace('/', '.')}.json"
