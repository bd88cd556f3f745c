"""A place of its own for every test: settings, lake and keys in a temporary folder."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from opetence_assets.lake.places import Lake, lake_at
from opetence_assets.settings import Settings, read_settings


def environment(home: Path) -> dict[str, str]:
    """The variables of a platform that lives in ``home``, with keys of its own."""
    key = base64.b64encode(os.urandom(32)).decode()
    return {"OPETENCE_HOME": str(home), "OPETENCE_MASTER_KEY": key, "OPETENCE_HASH_KEYS": f"1:{key}"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(environment(tmp_path / "home"))


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return lake_at(settings)
