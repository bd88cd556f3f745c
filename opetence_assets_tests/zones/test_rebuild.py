"""A declaration that changed, deployed: silver is made anew, and people read the last release until gold is built."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import polars as pl
import pytest

from opetence_assets.checks.assets import bronze_checks, silver_checks
from opetence_assets.dataset import Dataset
from opetence_assets.lake.places import lake_at
from opetence_assets.lake.releases import Release, current_release
from opetence_assets.lake.tables import open_table
from opetence_assets.lineage.columns import made_graph
from opetence_assets.review.description import describe, description_of
from opetence_assets.review.making import makings
from opetence_assets.review.plan import planned
from opetence_assets.settings import Settings
from opetence_assets.zones.bronze import bronze_asset
from opetence_assets.zones.gold import gold_assets
from opetence_assets.zones.silver import silver_asset
from opetence_assets_tests.zones.gate import CONTENT, PROJECT, START, notes

pytestmark = [pytest.mark.dagster, pytest.mark.filterwarnings("ignore::dagster.BetaWarning")]
cards = notes("cards")
stricter = replace(cards, rules={"too much": pl.col("amount") < 100})


def tenfold(raw: pl.LazyFrame) -> pl.LazyFrame:
    return raw.with_columns(pl.col("amount") * 10)


dearer = replace(cards, tidy=tenfold)
SILVER = cards.table("silver")
ROW = {"text": "nothing", "on": START.date(), "at": START}


def ran(settings: Settings, manifest: Path, dataset: Dataset, *zones: str, **config: Any) -> None:
    """Materializes zones of the dataset, checks its silver, in a code location that declares just this."""
    graph = made_graph(PROJECT, (dataset,))
    assets = [bronze_asset(dataset, graph), silver_asset(dataset, graph), gold_assets((dataset,), manifest, graph)]
    definitions = dg.Definitions(
        assets=assets,
        asset_checks=[bronze_checks(dataset), silver_checks(dataset)],
        resources={"platform": SimpleNamespace(lake=lake_at(settings), settings=settings)},
    )
    keys = {key for key in definitions.resolve_asset_graph().executable_asset_keys if key.path[0] in zones}
    done = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        asset_selection=list(keys), run_config={"ops": {name: {"config": said} for name, said in config.items()}}
    )
    assert done.success


def amounts(settings: Settings, release: Release) -> list[int]:
    table = open_table(lake_at(settings), SILVER, release.versions[SILVER])
    assert table is not None
    return sorted(table.scan().collect()["amount"])


@pytest.fixture
def manifest(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dbt project without models, and a source of three cards."""
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps(PROJECT))
    settings.manifest.parent.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr("opetence_assets.warehouse.build.ensure_manifest", lambda _: manifest)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    CONTENT["cards"] = {n: {"id": n, "amount": n, **ROW} for n in (1, 50, 500)}
    return manifest


def test_people_read_the_last_release_until_gold_is_built(settings: Settings, manifest: Path) -> None:
    lake = lake_at(settings)
    ran(settings, manifest, cards, "bronze", "silver", "gold")
    first = current_release(lake)
    assert first is not None

    ran(settings, manifest, stricter, "silver", silver__made__cards={"full": True})

    assert current_release(lake) == first
    assert amounts(settings, first) == [1, 50, 500]
    ran(settings, manifest, stricter, "gold")
    second = current_release(lake)
    assert second is not None
    assert (second.number, amounts(settings, second)) == (2, [1, 50])
    waiting = open_table(lake, cards.table("quarantine"), second.versions[cards.table("quarantine")])
    assert waiting is not None
    assert waiting.scan().collect()["amount"].to_list() == [500]


def due(settings: Settings, dataset: Dataset) -> list[tuple[str, str, str]]:
    """What the plan would have made again where the declaration is the deployed one."""
    lake, here = lake_at(settings), describe(PROJECT, (dataset,))
    release = current_release(lake)
    assert release is not None
    plan = planned(description_of(lake, release), here, "the release", made=makings(lake, here["datasets"]))
    assert plan.changes == ()
    return [(one.table, one.why, one.command) for one in plan.rebuilds]


def test_a_rebuild_that_nobody_ran_stays_due_over_releases(settings: Settings, manifest: Path) -> None:
    ran(settings, manifest, cards, "bronze", "silver", "gold")
    assert due(settings, cards) == []
    CONTENT["cards"][7] = {"id": 7, "amount": 7, **ROW}
    ran(settings, manifest, dearer, "bronze", "silver", "gold")
    assert due(settings, dearer) == [(SILVER, "tidy changed since it was made", "opetence rebuild made/cards")]

    ran(settings, manifest, dearer, "silver", silver__made__cards={"full": True})
    ran(settings, manifest, dearer, "gold")

    release = current_release(lake_at(settings))
    assert release is not None
    assert (amounts(settings, release), due(settings, dearer)) == ([10, 70, 500, 5000], [])
