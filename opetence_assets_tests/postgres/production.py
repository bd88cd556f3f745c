"""A production server of the tests' own, with a ledger that says what every moment's state was."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from pyrage import x25519  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]

from opetence_assets.backup.production import restored_production
from opetence_assets.backup.sealing import IDENTITY
from opetence_assets.lake.places import Lake
from opetence_assets.postgres.private_server import ask, stopped
from opetence_assets.postgres.recover import Recovered, recovered
from opetence_assets.postgres.stream import lag, received
from opetence_assets.postgres.wal import read_mark
from opetence_assets.sources.postgres_server import opened
from opetence_assets_tests.places import short
from sandbox.server import Server, started, stop

KEY = x25519.Identity.generate()
PUBLIC, SECRET = str(KEY.to_public()), str(KEY)
LEDGER = "CREATE TABLE ledger AS SELECT 0::bigint AS n, clock_timestamp() AS at, 0::bigint AS total"
APPEND = """INSERT INTO ledger SELECT n + 1, clock_timestamp(), total + n + 1 FROM ledger ORDER BY n DESC LIMIT 1
    RETURNING n"""
LEDGER_ROWS = "SELECT n, total FROM ledger ORDER BY n"


@dataclass
class Production:
    """The server, where it is backed up to, and what is known to be in its ledger."""

    home: Path
    server: Server
    said: list[str] = field(default_factory=list[str])

    @property
    def folder(self) -> Path:
        return self.home / "postgres"

    @property
    def uri(self) -> str:
        return self.server.copier_uri

    def run(self, *statements: str) -> None:
        with opened(self.server.admin_uri) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                if statement.startswith("SELECT"):
                    cursor.fetchall()  # the driver runs a query no further than it is read

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with opened(self.server.admin_uri) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def now(self) -> datetime:
        return self.ask("SELECT clock_timestamp()")[0][0]

    def append(self, rows: int) -> None:
        """Rows of the ledger, each a transaction."""
        with opened(self.server.admin_uri) as connection, connection.cursor() as cursor:
            for _ in range(rows):
                cursor.execute(APPEND)
                cursor.fetchall()

    def committed(self, until: datetime) -> int:
        """How many rows of the ledger had been committed by then, by the server's own record."""
        moment = until.isoformat()
        return self.ask(f"SELECT count(*) FROM ledger WHERE pg_xact_commit_timestamp(xmin) <= '{moment}'")[0][0]

    def await_receipt(self, ticks: int = 600) -> None:
        """Until all that is in the log by now was received, and the mark says so."""
        moment = self.now()
        for _ in range(ticks):
            mark = read_mark(self.folder)
            if mark and mark.at >= moment:
                return
            threading.Event().wait(0.1)
        raise AssertionError(f"nothing received since {moment}: {self.said} {lag(self.uri)}")

    def kill(self) -> None:
        """``kill -9`` of every process of the server's."""
        for process in psutil.process_iter():
            try:
                if process.name().startswith("postgres") and Path(process.cwd()) == self.server.pgdata:
                    process.kill()
            except psutil.Error:
                continue

    def start(self) -> None:
        self.server = started(self.home)


@contextmanager
def production() -> Generator[Production]:
    """A server with an empty ledger; its clock of commits is the oracle."""
    home = Path(tempfile.mkdtemp(prefix="prd", dir=short()))
    home.chmod(0o755)  # a restored copy's owner passes through
    try:
        found = Production(home, started(home))
        found.run("ALTER SYSTEM SET track_commit_timestamp = on", "ALTER SYSTEM SET checkpoint_timeout = '30s'")
        stop(home)
        found.start()
        found.run(LEDGER, "ALTER TABLE ledger ADD PRIMARY KEY (n)")
        yield found
    finally:
        stop(home)
        shutil.rmtree(home)


@contextmanager
def receiving(production: Production) -> Generator[threading.Event]:
    """The receiver at work; what it says is kept."""
    ended = threading.Event()
    receiver = threading.Thread(
        target=received,
        args=(production.folder, production.uri, os.environ, ended, production.said.append),
        daemon=True,
    )
    receiver.start()
    try:
        yield ended
    finally:
        ended.set()
        receiver.join(30)


def receiver_of(production: Production) -> psutil.Process:
    return psutil.Process(int((production.folder / "receiver.pid").read_text().split()[0]))


@contextmanager
def passable_folder() -> Generator[Path]:
    """A folder that PostgreSQL's user may pass through, as pytest's own are not; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="cpy", dir=short()))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def restored(
    production: Production, target: datetime | None, store: Lake | None = None, *, live: bool = False
) -> Generator[Recovered]:
    """A copy as of a moment, from the working folder or a store (``live``: both); gone afterwards."""
    copy: Recovered | None = None
    with passable_folder() as into:
        try:
            if store is None:
                copy = recovered(production.folder, target, into / "copy", os.environ)
            else:
                folder = production.folder if live else None
                copy = restored_production(store, target, into / "copy", {**os.environ, IDENTITY: SECRET}, live=folder)
            yield copy
        finally:
            if copy:
                stopped(copy.copy)


def ledger_of(copy: Recovered) -> int:
    """How many rows the ledger of a copy has, if they are exactly the first ones with their running sums.

    Raises:
        AssertionError: a row is missing, twice or changed.
    """
    rows = ask(copy.copy, "shop", "postgres", LEDGER_ROWS)
    assert rows == [(n, n * (n + 1) // 2) for n in range(len(rows))], "the ledger is no prefix"
    return len(rows)


def kill_receiver(production: Production) -> None:
    os.kill(receiver_of(production).pid, signal.SIGKILL)
