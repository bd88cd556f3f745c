"""Sales on their way to silver, and a rule that refuses the dear ones."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.ingestion.bronze import load
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import Table, open_table
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings
from opetence_assets_tests.shop import sales

strict = replace(sales, rules={"too dear": pl.col("amount") < 1000})


def bring(lake: Lake, settings: Settings, dataset: Dataset) -> None:
    """Loads what is new and refines it."""
    load(dataset, lake, settings)
    refine(dataset, lake, settings.scratch)


def table(lake: Lake, zone: str) -> Table:
    """The sales in a zone."""
    found = open_table(lake, sales.table(zone))
    assert found is not None
    return found
