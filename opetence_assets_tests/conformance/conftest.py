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
from opetence_assets_tests.places import short

CANNOT: dict[str, set[str]] = {}  # what a rig, once opened, was found to have no way to do


@pytest.fixture(params=sorted(RIGS))
def bench(request: pytest.FixtureRequest, lake: Lake, settings: Settings) -> Iterator[Bench]:
    needed = request.node.get_closest_marker("needs")
    if needed and needed.args[0] in CANNOT.get(request.param, ()):
        pytest.skip(f"this source has no {needed.args[0]}")  # before a server is started for nothing
    folder = Path(tempfile.mkdtemp(prefix="rig", dir=short()))
    try:
        with RIGS[request.param].opened(Place(folder, lambda: request.getfixturevalue("database"))) as rig:
            CANNOT[request.param] = {name for name, able in vars(rig).items() if able is None}
            yield Bench(request.param, rig, lake, settings)
    finally:
        shutil.rmtree(folder)
