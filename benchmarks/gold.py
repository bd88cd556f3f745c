"""Silver → a published release: dbt's models, tests and the commits, against the same models as bare SQL."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.claims import Claim, compared
from benchmarks.measure import Contender, costs
from benchmarks.place import Place, settings_of
from benchmarks.sizes import Size

NAME, NOTHING, LIMIT = "Opetence gold, all models", "Opetence gold, nothing changed", "DuckDB: read silver, write gold"


def claim(place: Place, size: Size) -> Claim:
    run_whole_path(place, size.scale)
    arguments = {"home": str(place.home)}
    contenders = [
        Contender(LIMIT, __name__, "rewritten", arguments),
        Contender(NAME, __name__, "built", arguments, before=lambda: forget(place)),
        Contender(NOTHING, __name__, "built", arguments),
    ]
    found = costs(contenders, size.rounds)
    facts = found[NAME].facts
    title = f"Gold: {facts['models']} models with {facts['checks']} tests over a sandbox of scale {size.scale:g}"
    rows = [compared(found, NAME, LIMIT), compared(found, NOTHING, LIMIT)]
    note = (
        "The limit reads every silver table once and writes the bytes of gold anew as zstd Parquet: no joins, no tests."
        " At this size dbt itself (parsing, its adapter, one connection a test) is most of the cost, a fixed one."
    )
    return Claim(title, rows, [note])


def run_whole_path(place: Place, scale: float) -> None:
    """``opetence run`` in this home, unless it has a release: sandbox, bronze, silver, gold, release, backup."""
    from opetence_assets.lake.places import lake_at
    from opetence_assets.lake.releases import current_release

    if current_release(lake_at(settings_of(place.home))) is not None:
        return
    environment = {
        **os.environ,
        "OPETENCE_HOME": str(place.home),
        "OPETENCE_REAL_DATA": "",
        "OPETENCE_SCALE": str(scale),
    }
    command = [sys.executable, "-c", "from opetence_assets.command import main; main()", "run"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"opetence run failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")


def forget(place: Place) -> None:
    for folder in ("gold", "releases"):
        shutil.rmtree(place.home / "lake" / folder, ignore_errors=True)


def rewritten(home: str) -> Iterator[Any]:
    import duckdb

    from opetence_assets.lake.places import lake_at
    from opetence_assets.lake.releases import current_release
    from opetence_assets.lake.tables import open_table

    settings = settings_of(Path(home))
    lake = lake_at(settings)
    release = current_release(lake)
    assert release is not None
    tables = [table for key, version in release.versions.items() if (table := open_table(lake, key, version))]
    yield
    with TemporaryDirectory(dir=settings.scratch) as folder, duckdb.connect() as connection:
        for number, table in enumerate(table for table in tables if table.files):
            rows = f"read_parquet({list(table.uris)!r}, union_by_name = true)"
            if table.key.startswith("silver/"):
                connection.execute(f"CREATE OR REPLACE TEMP TABLE silver AS SELECT * FROM {rows}")
            elif table.key.startswith("gold/"):
                target = f"{folder}/{number}.parquet"
                connection.execute(f"COPY (SELECT * FROM {rows}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
    yield


def built(home: str) -> Iterator[Any]:
    import dbt.adapters.duckdb
    import dbt.cli.main
    import deltalake

    from opetence_assets.datasets import all_datasets
    from opetence_assets.lake.places import lake_at
    from opetence_assets.lake.releases import current_release
    from opetence_assets.lake.tables import open_table
    from opetence_assets.warehouse.build import build
    from opetence_assets.warehouse.publish import publish

    del dbt, deltalake
    settings = settings_of(Path(home))
    lake = lake_at(settings)
    yield
    tables = (open_table(lake, dataset.table("silver")) for dataset in all_datasets())
    silver = {table.key: table.version for table in tables if table}
    made = build(lake, settings, scratch=settings.scratch, sources=silver, since=current_release(lake))
    assert made.passed, made.failed
    publish(made, lake, others={})
    facts = {"models": len(made.models), "checks": len(made.check_runs)}
    made.close()
    yield facts
