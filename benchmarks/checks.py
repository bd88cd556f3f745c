"""Ten checks, the key's uniqueness and every column's statistics over 10 M rows of silver: against reading those rows
once, and against pandera-polars on the same schema, with Polars' own statistics of the same columns beside it.
"""

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
PANDERA, BOTH = "pandera-polars: validate(lazy=True)", "pandera-polars and Polars' statistics"


def claim(place: Place, size: Size) -> Claim:
    make_table(place.server, "orders", ORDERS, "order_id", size.large)
    run_once(loading(place, "orders", "load"))
    run_once(Contender("refine", "benchmarks.silver", "refined", {"home": str(place.home), "dataset": "orders"}))
    arguments = {"home": str(place.home), "dataset": "orders"}
    functions = {LIMIT: "scanned", NAME: "checked", PANDERA: "validated", BOTH: "validated_and_measured"}
    found = costs([Contender(name, __name__, how, arguments) for name, how in functions.items()], size.rounds)
    assert found[NAME].facts["rows"] == found[PANDERA].facts["rows"] == size.large
    facts = found[NAME].facts
    return Claim(
        f"Checks: {facts['checks']} rules, a unique key and statistics of {facts['measured']} columns "
        f"on {size.large:,} rows",
        [
            compared(found, NAME, LIMIT, 1.6),
            compared(found, NAME, BOTH, 0.25),
            compared(found, NAME, PANDERA),
            compared(found, PANDERA, LIMIT),
        ],
        [
            "The limit decodes all columns of the same Parquet files and counts their nulls.",
            "Pandera validates the same files, read whole, against the same schema, with the key under `unique` and the"
            " rule over two columns as a dataframe check; alone it takes no statistics.",
            "Its statistics are Polars' over the rows it holds: nulls and approximate distinct values of all columns,"
            " least, greatest, mean and seven quantiles of numbers and times.",
            "Rows, nulls, least, greatest and mean are exact; distinct values and quantiles are those of a random"
            " sample of 50,000 rows.",
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
    facts = results["rules"].metadata
    yield {"rows": facts["rows"], "checks": facts["rules"], "measured": len(facts["statistics"])}


def validated(home: str, dataset: str, measured: bool = False) -> Iterator[Any]:
    import pandera.polars as pa
    import polars as pl

    declared, table = DATASETS[dataset], _silver(home, dataset)

    def of_rule(valid: pl.Expr) -> pa.Check:
        return pa.Check(lambda data: data.lazyframe.select(valid))

    schema = pa.DataFrameSchema(
        declared.schema.to_schema().columns,
        checks=[of_rule(valid) for valid in declared.rules.values()],
        unique=list(declared.key),
    )
    yield
    rows = pl.scan_parquet(list(table.uris)).select(schema.columns.keys()).collect(engine="streaming")
    valid = schema.validate(rows, lazy=True)
    if measured:
        _measure(valid)
    yield {"rows": len(valid)}


def validated_and_measured(home: str, dataset: str) -> Iterator[Any]:
    return validated(home, dataset, measured=True)


def _measure(rows: Any) -> None:
    import polars as pl
    import polars.selectors as cs

    shares, ordered = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99), cs.numeric() | cs.temporal()
    rows.lazy().select(
        pl.all().null_count().name.suffix(" nulls"),
        pl.all().approx_n_unique().name.suffix(" distinct"),
        ordered.min().name.suffix(" least"),
        ordered.max().name.suffix(" greatest"),
        cs.numeric().mean().name.suffix(" mean"),
        *(ordered.quantile(share).name.suffix(f" p{share}") for share in shares),
    ).collect()


def _silver(home: str, dataset: str) -> Any:
    from opetence_assets.lake.places import lake_at
    from opetence_assets.lake.tables import open_table

    table = open_table(lake_at(settings_of(Path(home))), DATASETS[dataset].table("silver"))
    assert table is not None
    return table
