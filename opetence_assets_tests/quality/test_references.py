"""Rows and their counterparts elsewhere, by the rows that a release shows."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from opetence_assets.dataset import Reference
from opetence_assets.datasets import all_datasets
from opetence_assets.ingestion.bronze import load
from opetence_assets.lake import releases
from opetence_assets.lake.commits import commit
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import open_table
from opetence_assets.lake.verdicts import record
from opetence_assets.quality.references import reference_results
from opetence_assets.refinement.files import arrow_schema, staged
from opetence_assets.refinement.shape import table_types
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings
from opetence_assets_tests.shop import Shop, sales

owing = replace(sales, references=(Reference("shop/people", ("person_id",), of=("id",), missing_at_most=0.1),))


def test_rows_without_their_counterpart_are_counted_once_released(
    shop: Shop, lake: Lake, shop_settings: Settings
) -> None:
    shop.sell(range(70))
    load(owing, lake, shop_settings)
    refine(owing, lake, shop_settings.scratch)
    people = pl.DataFrame({"id": range(6)}, schema={"id": pl.Int64})  # one of seven is missing
    files = staged(lake, "silver/shop/people", [people], shop_settings.scratch)
    commit(lake, "silver/shop/people", schema=arrow_schema(people), add=files)
    silver = open_table(lake, "silver/shop/sales")
    assert silver is not None

    (before,) = reference_results(owing, lake, silver)
    record(lake, silver.key, silver.version, [])
    releases.publish(lake, {silver.key: silver.version})
    (after,) = reference_results(owing, lake, silver)

    assert before.passed
    assert not after.passed
    assert after.found == "10 of 70 rows have no id in shop/people (14.29%)"
    assert not after.blocking


def test_a_tolerance_of_all_rows_hides_no_load_of_orphans(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(700))
    load(owing, lake, shop_settings)
    refine(owing, lake, shop_settings.scratch)
    people = pl.DataFrame({"id": range(7)}, schema={"id": pl.Int64})
    files = staged(lake, "silver/shop/people", [people], shop_settings.scratch)
    commit(lake, "silver/shop/people", schema=arrow_schema(people), add=files)
    shop.sell(range(700, 730))
    shop.run("UPDATE shop.sales SET person_id = 99 WHERE sale_id >= 700")
    load(owing, lake, shop_settings)
    refine(owing, lake, shop_settings.scratch)
    silver = open_table(lake, "silver/shop/sales")
    assert silver is not None
    record(lake, silver.key, silver.version, [])
    releases.publish(lake, {silver.key: silver.version})

    (found,) = reference_results(owing, lake, silver)

    assert not found.passed
    assert found.found.endswith("30 of the 30 rows of version 1")


def test_what_is_referred_to_is_declared_and_of_the_same_type() -> None:
    known = {dataset.name: dataset for dataset in all_datasets()}
    for dataset in known.values():
        for reference in dataset.references:
            here, there = table_types(dataset), table_types(known[reference.to])
            for name, other in zip(reference.columns, reference.of or reference.columns, strict=True):
                assert here[name] == there[other], f"{dataset.name}.{name} against {reference.to}.{other}"
