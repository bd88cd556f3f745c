"""A day that is delivered again: by key the later file wins; with ``replace_day`` its rows are all there is of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from opetence_assets.dataset import DataError, Dataset, Deletes
from opetence_assets.datasets.partners.facebook_ads import COLUMNS, facebook_ads
from opetence_assets.ingestion.bronze import load
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import open_table
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings

feed = replace(facebook_ads.feed, corrections="replace_day")  # type: ignore[type-var]
replacing = replace(facebook_ads, feed=feed, deletes=Deletes.RESTATED)
Put = Callable[..., Path]


@pytest.fixture
def put(settings: Settings) -> Put:
    def put(name: str, **spends: str) -> Path:
        path = settings.drop / "facebook_ads" / f"facebook_ads_{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{name[:10]},{campaign},Spring,100,3,{spend},EUR\n" for campaign, spend in spends.items()]
        path.write_text(",".join(COLUMNS) + "\n" + "".join(lines))
        return path

    return put


def silver(dataset: Dataset, lake: Lake, settings: Settings) -> dict[tuple[str, str], str]:
    load(dataset, lake, settings)
    refine(dataset, lake, settings.scratch)
    table = open_table(lake, dataset.table("silver"))
    assert table is not None
    rows = table.scan().select("date", "campaign_id", "spend").collect().rows()
    return {(str(day), campaign): str(spend) for day, campaign, spend in rows}


def test_by_key_the_rest_of_the_day_stays(put: Put, lake: Lake, settings: Settings) -> None:
    put("2026-01-01", a="1.00", b="2.00")
    silver(facebook_ads, lake, settings)
    put("2026-01-01_v2", a="1.50")

    assert silver(facebook_ads, lake, settings) == {("2026-01-01", "a"): "1.50", ("2026-01-01", "b"): "2.00"}


def test_a_replaced_day_loses_what_is_not_in_it(put: Put, lake: Lake, settings: Settings) -> None:
    put("2026-01-01", a="1.00", b="2.00")
    put("2026-01-02", a="1.00", b="2.00")
    silver(replacing, lake, settings)
    put("2026-01-01_v2", a="1.50", c="3.00")

    assert silver(replacing, lake, settings) == {
        ("2026-01-01", "a"): "1.50",
        ("2026-01-01", "c"): "3.00",
        ("2026-01-02", "a"): "1.00",
        ("2026-01-02", "b"): "2.00",
    }
    put("2026-01-01_v3", a="1.00", b="2.00")
    assert {c for d, c in silver(replacing, lake, settings) if d == "2026-01-01"} == {"a", "b"}


def test_of_two_versions_in_one_load_the_last_counts(put: Put, lake: Lake, settings: Settings) -> None:
    put("2026-01-01", a="1.00", b="2.00")
    put("2026-01-01_v2", a="1.50")
    put("2026-01-01_v10", a="1.75")

    assert silver(replacing, lake, settings) == {("2026-01-01", "a"): "1.75"}


def test_a_version_that_comes_after_its_correction_changes_nothing(put: Put, lake: Lake, settings: Settings) -> None:
    put("2026-01-01_v2", a="1.50")
    silver(replacing, lake, settings)
    put("2026-01-01", a="1.00", b="2.00")

    assert silver(replacing, lake, settings) == {("2026-01-01", "a"): "1.50"}


def test_a_correction_that_is_refused_takes_nothing_away(put: Put, lake: Lake, settings: Settings) -> None:
    put("2026-01-01", a="1.00")
    put("2026-01-02", a="1.00")
    silver(replacing, lake, settings)
    put("2026-01-01_v2", b="1.00").write_text("date,campaign_id\n")
    put("2026-01-03", a="1.00")

    assert len(silver(replacing, lake, settings)) == 3
    with pytest.raises(DataError, match=r"facebook_ads_2026-01-01_v2\.csv: has the header"):
        load(replacing, lake, settings)
