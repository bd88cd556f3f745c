"""What a table's newest commit says of its own progress."""

from __future__ import annotations

from typing import Any

from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import metadata_of


def last_progress(lake: Lake, key: str, version: int) -> dict[str, Any]:
    """The metadata of the newest commit up to ``version`` that carries any; a change of columns carries none."""
    for number in range(version, -1, -1):
        metadata = metadata_of(lake, key, number)
        if metadata:
            return metadata
    return {}
