"""One real server for each test process, in a short path, gone at the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from opetence_assets_tests.places import short
from opetence_assets_tests.sandbox.database import wipe
from sandbox import down, seed, up
from sandbox.story import Story

UNTIL = date(2025, 6, 1)
SCALE = 0.02


@pytest.fixture(scope="session", autouse=True)
def _without_real_data() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPETENCE_REAL_DATA", "")
        yield


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A home whose server is up; what it holds is up to the test."""
    folder = Path(tempfile.mkdtemp(prefix="sbx", dir=short()))
    up(folder)
    yield folder
    down(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def story(home: Path) -> Story:
    """A small story, freshly seeded for each module."""
    wipe(home)
    shutil.rmtree(home / "drop", ignore_errors=True)
    return seed(home, SCALE, seed=7, until=UNTIL)
