"""Every test of the suite gets every rig."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from opetence_assets.lake.places import Lake
from opetence_assets.settings import Settings
from opetence_assets_tests.conformance.bench import RIGS, Bench
from opetence_assets_tests.conformance.rig import Place


@pytest.fixture(params=sorted(RIGS))
def bench(request: pytest.FixtureRequest, lake: Lake, settings: Settings) -> Iterator[Bench]:
    folder = Path(tempfile.mkdtemp(prefix="rig", dir="/tmp"))  # short, for sockets
    try:
        with RIGS[request.param].opened(Place(folder, lambda: request.getfixturevalue("database"))) as rig:
            yield Bench(request.param, rig, lake, settings)
    finally:
        shutil.rmtree(folder)
