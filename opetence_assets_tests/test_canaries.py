"""The search for canaries finds one wherever it may hide."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from opetence_assets_tests.canaries import betrayed

CANARY = "canary.zoë@example.org"
HIDES: dict[str, Callable[[Path], object]] = {
    "lake/silver/a/b/part.parquet": lambda f: pl.DataFrame({"n": [1, 2], "t": ["x", f"ask {CANARY}"]}).write_parquet(f),
    "lake/gold/x/part.parquet": lambda f: pl.DataFrame({"b": [CANARY.encode()]}).write_parquet(f),
    "lake/verdicts/v.json": lambda f: f.write_text(json.dumps({"found": CANARY})),
    "lake/releases/1.json": lambda f: f.write_text(json.dumps({"notes": CANARY.upper()}, ensure_ascii=False)),
    "backups/objects/ab": lambda f: f.write_bytes(gzip.compress(CANARY.encode())),
    "dagster/logs/1.err": lambda f: f.write_text(f"Traceback: {CANARY}"),
    "dbt/manifest.json": lambda f: f.write_text(f'{{"sql": "{CANARY}"}}'),
}


def in_an_event(file: Path) -> None:
    with sqlite3.connect(file) as con:
        con.execute("create table events (body text)")
        con.execute("insert into events values (?)", [json.dumps({"message": CANARY})])
    con.close()


@pytest.mark.parametrize("place", [*HIDES, "dagster/storage/runs.db"])
def test_a_canary_is_found(place: str, tmp_path: Path) -> None:
    file = tmp_path / place
    file.parent.mkdir(parents=True)
    HIDES.get(place, in_an_event)(file)
    (tmp_path / "dbt").mkdir(exist_ok=True)
    (tmp_path / "dbt" / "other.json").write_text("nobody")

    assert betrayed(tmp_path, [CANARY, json.dumps(CANARY)[1:-1], "CANARY.ZOË"]) == [place]


def test_only_productions_own_bytes_may_name_its_people(tmp_path: Path) -> None:
    objects, manifests = tmp_path / "backups" / "objects", tmp_path / "backups" / "manifests"
    (manifests / "production" / "hour").mkdir(parents=True)
    objects.mkdir()
    for name in ("ab", "cd"):
        (objects / name).write_text(f"{name} {CANARY}")
    manifest = {"body": {"files": {"base.tar": {"sha256": "ab", "bytes": 1}}}}
    (manifests / "production" / "hour" / "000000.json").write_text(json.dumps(manifest))

    assert betrayed(tmp_path, [CANARY]) == ["backups/objects/cd"]
