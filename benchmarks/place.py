"""Where a round of benchmarks happens: a home of its own with the sandbox's server, gone at the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from benchmarks.tables import DSN

if TYPE_CHECKING:
    from opetence_assets.settings import Settings
    from sandbox.server import Server


@dataclass(frozen=True)
class Place:
    home: Path
    server: Server

    @property
    def scratch(self) -> Path:
        return self.home / "scratch"


@contextmanager
def place(parent: Path | None = None) -> Generator[Place]:
    """A home under ``parent`` (by default the system's temporary folder) with a running server."""
    from sandbox import down, up

    home = Path(mkdtemp(prefix="opetence-bench-", dir=parent))
    try:
        server = up(home)
        with (home / "local.env").open("a") as file:
            file.write(f"{DSN}={server.reader_uri}\n")
        (home / "scratch").mkdir()
        yield Place(home, server)
    finally:
        down(home)
        shutil.rmtree(home, ignore_errors=True)


def settings_of(home: Path) -> Settings:
    """The settings of a benchmark's home."""
    from opetence_assets.settings import read_settings

    return read_settings({**os.environ, "OPETENCE_HOME": str(home), "OPETENCE_ENV": "local"})
