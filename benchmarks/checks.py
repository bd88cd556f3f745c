"""Rules, a unique key and statistics over 10 M rows of silver: against reading their columns once, and against
pandera-polars on the same declaration, with Polars' own statistics of the same columns beside it.

Ten rules over nine columns are what is promised; twenty over all twelve, by the check itself, are shown beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.claims import Claim, Row, compared
from benchmarks.extract import loading
from benchmarks.measure import Contender, Cost, costs, run_once
from benchmarks.place import Place, settings_of
from benchmarks.sizes import Size
from benchmarks.tables import DATASETS, ORDERS, make_table

NAME, LIMIT = "Opetence", "Polars: every column read once"
PANDERA, BOTH = "pandera-polars: validate(lazy=True)", "pandera-polars and Polars' statistics"
FUNCTIONS = {LIMIT: "scanned", NAME: "checked", PANDERA: "validated", BOTH: "validated_and_measured"}
TEN, TWENTY = "orders_in_brief", "orders"


def claim(place: Place, size: Size) -> Claim:
    make_table(place.server, "orders", ORDERS, "order_id", size.large)
    run_once(loading(place, "orders", "load"))
    run_once(Contender("refine", "benchmarks.silver", "refined", {"home": str(place.home), "dataset": TWENTY}))
    found = costs(contenders(place.home), size.rounds)
    assert {cost.facts["rows"] for cost in found.values()} == {size.large}
    return Claim(
        f"Checks: rules, a unique key and statistics on {size.large:,} rows",
        [*_rows(found, TEN, promised=True), *_rows(found, TWENTY, promised=False)],
        [
            "Ten rules, the unique key among them: two columns never null, a code's pattern, a range, one of five"
            " texts, two lower bounds, two orders of two columns; statistics of the nine columns they name. Twenty and"
            " a unique key: all twelve columns of the table, by the asset check.",
            "The limit decodes all of these columns of the same Parquet files, batch by batch, and counts their nulls.",
            "Pandera validates the same columns, read whole, against the same schema, with the key under `unique` and"
            " each rule over two columns as a dataframe check; alone it takes no statistics.",
            "Its statistics are Polars' over the rows it holds: nulls and approximate distinct values of all columns,"
            " least, greatest, mean and seven quantiles of numbers and times.",
            "Of the ten rules, table, schema and plan are made before the clock starts, for all that compete; the asset"
            " check makes its plan itself.",
            "Rows, nulls, least, greatest and mean are exact; quantiles and distinct values are those of a random"
            " sample of 50,000 rows, but the distinct values of the key, and of a text column that the files'"
            " dictionaries show to hold few, are exact.",
        ],
    )


def contenders(home: Path) -> list[Contender]:
    """Ten rules and twenty, of each all that compete."""
    return [
        Contender(f"{name}, {dataset}", __name__, function, {"home": str(home), "dataset": dataset})
        for dataset in (TEN, TWENTY)
        for name, function in FUNCTIONS.items()
    ]


def _rows(found: Mapping[str, Cost], dataset: str, *, promised: bool) -> list[Row]:
    ours, limit, alone, both = (f"{name}, {dataset}" for name in (NAME, LIMIT, PANDERA, BOTH))
    facts = found[ours].facts
    what = f"{facts['checks']} rules, statistics of {facts['measured']} columns"
    titles = {ours: f"{NAME}: {what}", limit: LIMIT, alone: f"{PANDERA}, {facts['checks']} rules", both: BOTH}
    named = {titles[name]: cost for name, cost in found.items() if name in titles}
    return [
        compared(named, titles[ours], LIMIT, 1.6 if promised else None),
        compared(named, titles[ours], titles[alone], 0.25 if promised else None),
        compared(named, titles[ours], BOTH, 0.25 if promised else None),
        compared(named, titles[alone], LIMIT),
    ]


def scanned(home: str, dataset: str) -> Iterator[Any]:
    import polars as pl

    rows = _columns(home, dataset)
    yield
    counts = rows.select(pl.len().alias("rows"), pl.all().null_count()).collect(engine="streaming")
    yield {"rows": counts["rows"].item()}


def checked(home: str, dataset: str) -> Iterator[Any]:
    from opetence_assets.checks.quality import quality_results
    from opetence_assets.contract.scan import scanned
    from opetence_assets.refinement.shape import contract_of

    declared, table = DATASETS[dataset], _silver(home, dataset)
    contract, rows = contract_of(declared), _columns(home, dataset)
    yield
    if dataset == TWENTY:
        results = {result.name: result for result in quality_results(declared, table)}
        assert all(result.passed for result in results.values())
        facts = results["rules"].metadata
        yield {"rows": facts["rows"], "checks": facts["rules"], "measured": len(facts["statistics"])}
    else:
        scan = scanned(contract, rows, table.rows)
        assert not scan.broken
        assert not any(scan.repeated.values())
        yield {"rows": scan.rows, "checks": len(contract.rules) + 1, "measured": len(scan.statistics)}


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
    rows = table.scan().select(schema.columns.keys()).collect(engine="streaming")
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


def _columns(home: str, dataset: str) -> Any:
    """What the rules and statistics are of: all columns of the table, or those that the shorter declaration names."""
    rows = _silver(home, dataset).scan()
    return rows if dataset == TWENTY else rows.select(DATASETS[dataset].schema.to_schema().columns.keys())


def _silver(home: str, dataset: str) -> Any:
    from opetence_assets.lake.places import lake_at
    from opetence_assets.lake.tables import open_table

    table = open_table(lake_at(settings_of(Path(home))), DATASETS[dataset].table("silver"))
    assert table is not None
    return table
