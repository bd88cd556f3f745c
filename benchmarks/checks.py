"""Ten checks and the key's uniqueness over 10 M rows of silver, against reading those rows once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.claims import Claim, compared
from benchmarks.extract import loading
from benchmarks.measure import Contender, costs, run_once
from benchmarks.place import Place, settings_of
from benchmarks.sizes import Size
from benchmarks.tables import DATASETS, ORDERS, make_table

NAME, LIMIT = "Opetence quality checks", "Polars: every column read once"


def claim(place: Place, size: Size) -> Claim:
    make_table(place.server, "orders", ORDERS, "order_id", size.large)
    run_once(loading(place, "orders", "load"))
    run_once(Contender("refine", "benchmarks.silver", "refined", {"home": str(place.home), "dataset": "orders"}))
    arguments = {"home": str(place.home), "dataset": "orders"}
    contenders = [Contender(LIMIT, __name__, "scanned", arguments), Contender(NAME, __name__, "checked", arguments)]
    found = costs(contenders, size.rounds)
    assert found[NAME].facts["rows"] == size.large
    checks = found[NAME].facts["checks"]
    return Claim(
        f"Checks: {checks} rules and a unique key on {size.large:,} rows",
        [compared(found, NAME, LIMIT, 2.0)],
        [
            "The limit decodes all columns of the same Parquet files and counts their nulls.",
        ],
    )


def scanned(home: str, dataset: str) -> Iterator[Any]:
    import polars as pl

    table = _silver(home, dataset)
    yield
    pl.scan_parquet(list(table.uris)).select(pl.all().null_count()).collect(engine="streaming")
    yield


def checked(home: str, dataset: str) -> Iterator[Any]:
    from opetence_assets.checks.quality import quality_results

    table = _silver(home, dataset)
    yield
    results = {result.name: result for result in quality_results(DATASETS[dataset], table)}
    assert all(result.passed for result in results.values())
    yield {"rows": results["rules"].metadata["rows"], "checks": results["rules"].metadata["rules"]}


def _silver(home: str, dataset: str) -> Any:
    from opetence_assets.lake.places import lake_at
    from opetence_assets.lake.tables import open_table

    table = open_table(lake_at(settings_of(Path(home))), DATASETS[dataset].table("silver"))
    assert table is not None
    return table
