"""A personal value in a column that nobody declared personal keeps the version out of every release."""

from __future__ import annotations

from dataclasses import replace

import pandera.polars as pa
import polars as pl
import pytest

from opetence_assets.checks import personal
from opetence_assets.checks.personal import NAME, personal_result
from opetence_assets.ingestion.bronze import load
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import Table, open_table
from opetence_assets.lake.verdicts import record
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings
from opetence_assets_tests.shop import Sale, Shop, sales


class Noted(Sale):
    note: pl.String = pa.Field(nullable=True)


noted = replace(sales, schema=Noted)


def refreshed(lake: Lake, settings: Settings) -> Table:
    load(noted, lake, settings)
    refine(noted, lake, settings.scratch)
    table = open_table(lake, noted.table("silver"))
    assert table is not None
    return table


def test_only_rows_written_since_the_last_clean_version_are_searched(
    shop: Shop, lake: Lake, shop_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[int] = []
    search = personal.personal_values

    def counting(rows: pl.LazyFrame, columns: list[str]) -> dict[str, dict[str, int]]:
        searched.append(rows.select(pl.len()).collect().item())
        return search(rows, columns)

    monkeypatch.setattr(personal, "personal_values", counting)
    shop.run("ALTER TABLE shop.sales ADD COLUMN note text")
    shop.sell(range(40))
    first = refreshed(lake, shop_settings)
    clean = personal_result(noted, lake, first)
    record(lake, first.key, first.version, [clean])
    shop.sell(range(40, 43))
    shop.run("UPDATE shop.sales SET note = 'write to jane.doe@example.org' WHERE sale_id = 41")
    second = refreshed(lake, shop_settings)
    found = personal_result(noted, lake, second)
    record(lake, second.key, second.version, [found])

    assert clean.passed
    assert searched == [40, 3]
    assert (found.name, found.passed, found.blocking, found.found) == (NAME, False, True, "1 e-mail in note")
    assert "jane" not in str(found)
    assert personal_result(noted, lake, second).found == found.found  # a version that failed is searched again
