from __future__ import annotations

from pathlib import Path

import pytest

from opetence_assets.lake.places import Lake, place_at


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty local lake, at a path that a careless reader would misread."""
    return place_at(str(tmp_path / "a lake, ü #1"))
