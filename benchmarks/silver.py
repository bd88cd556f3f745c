"""Bronze → silver, 2 M new rows: judge, deduplicate, lay out by month, write and commit."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.claims import Claim, compared
from benchmarks.extract import loading
from benchmarks.measure import Contender, costs, run_once
from benchmarks.place import Place, settings_of
from benchmarks.sizes import Size
from benchmarks.tables import DATASETS, ORDERS, make_table

NAME, LIMIT = "Opetence refine", "Polars: read bronze, write zstd Parquet"


def claim(place: Place, size: Size) -> Claim:
    make_table(place.server, "some_orders", ORDERS, "order_id", size.silver)
    forget(place, "bronze")
    run_once(loading(place, "some_orders", "load"))
    arguments = {"home": str(place.home), "dataset": "some_orders"}
    found = costs(
        [
            Contender(LIMIT, __name__, "rewritten", arguments),
            Contender(NAME, __name__, "refined", arguments, before=lambda: forget(place, "silver")),
        ],
        size.rounds,
    )
    assert found[NAME].facts["rows"] == size.silver
    return Claim(
        f"Silver: {size.silver:,} rows of bronze",
        [compared(found, NAME, LIMIT, 3.0)],
        [
            "The limit is the same rows read from bronze and written as one zstd Parquet file (level 3) by Polars,"
            " unjudged, unsorted, not committed.",
        ],
    )


def rewritten(home: str, dataset: str) -> Iterator[Any]:
    import polars as pl

    from opetence_assets.lake.places import lake_at
    from opetence_assets.lake.tables import open_table

    settings = settings_of(Path(home))
    table = open_table(lake_at(settings), DATASETS[dataset].table("bronze"))
    assert table is not None
    yield
    with TemporaryDirectory(dir=settings.scratch) as folder:
        rows = pl.read_parquet(list(table.uris))
        rows.write_parquet(Path(folder) / "rows.parquet", compression="zstd", compression_level=3)
    yield


def refined(home: str, dataset: str) -> Iterator[Any]:
    import deltalake
    import pyarrow.parquet

    from opetence_assets.lake.places import lake_at
    from opetence_assets.refinement.silver import refine

    del deltalake, pyarrow
    settings = settings_of(Path(home))
    yield
    done = refine(DATASETS[dataset], lake_at(settings), settings.scratch)
    yield {"rows": done.accepted}


def forget(place: Place, zone: str) -> None:
    for name in (zone, "quarantine"):
        shutil.rmtree(place.home / "lake" / name / DATASETS["some_orders"].name, ignore_errors=True)
