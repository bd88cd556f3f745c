from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from opetence_assets.lake.commits import commit
from opetence_assets.lake.places import Lake, place_at
from opetence_assets.lake.releases import Release, publish
from opetence_assets.lake.verdicts import CheckResult, record
from opetence_assets_tests.lake.rows import appended, frame, schema_of

BRONZE, SILVER, QUARANTINE, GOLD = "bronze/shop/orders", "silver/shop/orders", "quarantine/shop/orders", "gold/revenue"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return place_at(str(tmp_path / "lake"))


@pytest.fixture
def store(tmp_path: Path) -> Lake:
    return place_at(str(tmp_path / "backups"))


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Path]:
    """A key store of two persons, in use."""
    path = tmp_path / "keys" / "keys.sqlite"
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE keys (subject TEXT PRIMARY KEY, wrapped BLOB NOT NULL)")
        connection.execute("CREATE TABLE erased (subject TEXT PRIMARY KEY, at TEXT NOT NULL)")
        connection.executemany("INSERT INTO keys VALUES (?, ?)", [("user:1", b"one" * 20), ("user:2", b"two" * 20)])
        yield path


def refreshed(lake: Lake, folder: Path, first: int) -> Release:
    """Three loads of which silver has read the first, and a release of all of it."""
    read = appended(lake, folder, frame(first), BRONZE, transactions={f"file:{first}": 1}, metadata={"cursor": first})
    appended(lake, folder, frame(first + 1), BRONZE, metadata={"cursor": first + 1})
    unread = appended(lake, folder, frame(first + 2), BRONZE, metadata={"cursor": first + 2})
    consumed = {"consumed": {BRONZE: read}}
    silver = appended(lake, folder, frame(first), SILVER, metadata=consumed, transactions={"load": first})
    record(lake, SILVER, silver, [CheckResult("unique", passed=True)])
    versions = {BRONZE: unread, SILVER: silver, QUARANTINE: commit(lake, QUARANTINE, schema=schema_of(frame()))}
    versions[GOLD] = appended(lake, folder, frame(first, share=0.1), GOLD, metadata={"consumed": {SILVER: silver}})
    return publish(lake, versions, {"run": first})


@pytest.fixture
def release(lake: Lake, tmp_path: Path) -> Release:
    return refreshed(lake, tmp_path, 1)
