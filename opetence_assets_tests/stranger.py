"""A platform of its own, driven as a stranger drives it: by the commands that are typed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from opetence_assets.settings import Settings, read_settings
from opetence_assets_tests.forks import OPETENCE, Forks, forks
from opetence_assets_tests.places import short

GROUPS = ("backup", "release", "sandbox")  # of commands


@dataclass(frozen=True)
class Platform:
    """A home of its own, driven through the command line: what is first typed is a new interpreter, then forked."""

    home: Path
    forks: Forks
    typed: set[str] = field(default_factory=set)

    @property
    def environ(self) -> dict[str, str]:
        mine = {"OPETENCE_HOME": str(self.home), "OPETENCE_REAL_DATA": "", "OPETENCE_SCALE": "0.02"}
        return {**os.environ, **mine}

    @property
    def settings(self) -> Settings:
        return read_settings({"OPETENCE_HOME": str(self.home)})

    def opetence(self, *arguments: str, code: int = 0, **variables: str) -> Any:
        """The command's JSON; its standard error where it is expected to fail."""
        name = " ".join(arguments[: 2 if arguments[0] in GROUPS else 1])
        environ = {**self.environ, **variables}
        if name in self.typed:
            done = self.forks.run(OPETENCE, arguments, environ)
        else:
            command = [sys.executable, "-c", OPETENCE, *arguments]
            done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        self.typed.add(name)
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        if "--json" not in arguments:
            return done.stdout + done.stderr
        return json.loads(done.stdout)

    def versions(self) -> dict[str, int]:
        return {table["key"]: table["version"] for table in self.opetence("status", "--json")["datasets"]}


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    folder = Path(tempfile.mkdtemp(prefix="ope", dir=short()))
    with forks() as forked:
        platform = Platform(folder, forked)
        try:
            yield platform
        finally:
            platform.opetence("sandbox", "down")
            shutil.rmtree(folder)


def as_owner(platform: Platform, sql: str) -> None:
    """Changes a source behind the back of whoever reads it."""
    from adbc_driver_postgresql import dbapi

    from sandbox import up

    with dbapi.connect(up(platform.home).owner_uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
