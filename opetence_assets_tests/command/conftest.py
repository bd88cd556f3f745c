"""A small company whose environment is this process's: lake, keys, yesterday's backups, an offsite copy and restic."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyrage import x25519  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]
from typer.testing import CliRunner, Result

from opetence_assets.backup.keys import snapshot_keys
from opetence_assets.backup.partitions import last_ended
from opetence_assets.backup.snapshot import ZONES, snapshot
from opetence_assets.command.app import app
from opetence_assets.lake.places import Lake, place_at
from opetence_assets.lake.releases import Release, current_release
from opetence_assets_tests.backup.conftest import refreshed
from opetence_assets_tests.backup.light_restic import initialized
from opetence_assets_tests.conftest import environment

Opetence = Callable[..., Result]


@dataclass(frozen=True)
class Company:
    """Where it lives; ``day`` is the partition of its backups."""

    home: Path
    lake: Lake
    store: Lake
    keys: Path
    day: str
    release: Release

    def back_up(self) -> None:
        """Every zone of the current release."""
        release = current_release(self.lake)
        assert release is not None
        for zone in ZONES:
            snapshot(self.lake, self.store, zone=zone, partition=self.day, release=release)
        snapshot_keys(self.store, self.keys, partition=self.day, since=release.created_at)

    def refreshed(self, folder: Path, first: int) -> Release:
        """A further release."""
        return refreshed(self.lake, folder, first)


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Company:
    home, identity = tmp_path / "home", x25519.Identity.generate()
    variables = {
        **environment(home),
        "OPETENCE_OFFSITE": str(tmp_path / "offsite"),
        "OPETENCE_OFFSITE_RECIPIENTS": str(identity.to_public()),
        "OPETENCE_OFFSITE_IDENTITY": str(identity),
    }
    if "restic" in request.node.name or "runbook" in request.node.name:
        variables |= initialized(tmp_path / "restic", "a test's own")
    for name in [name for name in os.environ if name.startswith("OPETENCE_")]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    keys = home / "keys" / "keys.sqlite"
    keys.parent.mkdir(parents=True)
    with closing(sqlite3.connect(keys, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE keys (subject TEXT PRIMARY KEY, wrapped BLOB NOT NULL)")
        connection.execute("CREATE TABLE erased (subject TEXT PRIMARY KEY, at TEXT NOT NULL)")
    lake, store = place_at(str(home / "lake")), place_at(str(home / "backups"))
    release = refreshed(lake, tmp_path, 1)
    made = Company(home, lake, store, keys, last_ended("day", datetime.now(UTC)), release)
    made.back_up()
    return made


@pytest.fixture
def opetence() -> Opetence:
    """The command in this process; an error of the platform's own is the result's exception."""

    def run(*arguments: Any, **options: Any) -> Result:
        return CliRunner().invoke(app, [str(one) for one in arguments], **options)

    return run
