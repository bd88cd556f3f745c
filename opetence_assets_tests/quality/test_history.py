"""What was measured is kept once: killed anywhere, run again, measured again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest

from opetence_assets.dataset import Dataset, Deletes, Watch
from opetence_assets.datasets import all_datasets
from opetence_assets.ingestion.bronze import load
from opetence_assets.lake.places import Lake
from opetence_assets.lake.releases import Release
from opetence_assets.lake.tables import Table, open_table
from opetence_assets.quality import history as kept
from opetence_assets.quality.figures import event_column
from opetence_assets.quality.history import RECORDS, history, newest, of_day, take_in, waiting
from opetence_assets.quality.measuring import measure
from opetence_assets.quality.metrics import definitions
from opetence_assets.quality.timeliness import measure_release
from opetence_assets.refinement.shape import silver_types
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings
from opetence_assets.sources import postgres_changes
from opetence_assets_tests.shop import NOON, Shop, sales, source, without_slots

watched = replace(sales, watch=Watch(figures=("amount",), distinct=("person_id",), by=("person_id",)))
NOW = NOON + timedelta(days=90)


def brought(lake: Lake, settings: Settings, dataset: Dataset = watched) -> Table:
    load(dataset, lake, settings)
    refine(dataset, lake, settings.scratch)
    table = open_table(lake, "silver/shop/sales")
    assert table is not None
    return table


def value(records: pl.DataFrame, name: str, day: date | None, segment: str = "") -> float:
    at = pl.col("day").is_null() if day is None else pl.col("day") == day
    found = newest(records).filter(at, pl.col("metric_name") == name, pl.col("segment") == segment)
    return found["value"].item()


def test_only_changed_days_are_measured_again_and_all_figures_are_those_of_the_table(
    shop: Shop, lake: Lake, shop_settings: Settings
) -> None:
    shop.sell(range(120))
    assert measure(watched, lake, brought(lake, shop_settings), now=NOW)
    take_in(lake, shop_settings.scratch, [watched])
    first = history(lake)
    shop.sell([7], at=NOON + timedelta(hours=1), amount="99.00")
    silver = brought(lake, shop_settings)

    assert measure(watched, lake, silver, now=NOW)
    records = history(lake, silver.key)

    again = records.filter(pl.col("table_version") == silver.version, pl.col("day").is_not_null())
    day = (NOON + timedelta(days=7)).date()
    assert again["day"].unique().to_list() == [day]
    assert set(again["metric_name"]) == {"sum(amount)", "mean(amount)", "std(amount)"}  # its rows are as many as before
    assert value(records, "sum(amount)", day) == 99 + 10.5
    assert value(records, "rows", day, "person_id=0") == 1
    assert value(records, "rows", None) == 120
    assert value(records, "record_completeness", None) == 1
    assert value(records, "latency_p50", None) > 0
    assert first.filter(pl.col("metric_name") == "latency_p50").is_empty()  # a past that was loaded is no news
    rows = newest(records).filter(pl.col("metric_name") == "rows", pl.col("day").is_not_null(), pl.col("segment") == "")
    truth = silver.scan().group_by(pl.col("sold_at").cast(pl.Date)).len().collect()
    assert dict(rows.select("day", "value").iter_rows()) == dict(truth.iter_rows())
    assert len(of_day(records, day)) == len(of_day(first, day))


def test_what_is_watched_since_today_has_its_past_measured_too(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(60))
    measure(sales, lake, brought(lake, shop_settings), now=NOW)
    shop.sell([7], at=NOON + timedelta(hours=1))

    measure(watched, lake, brought(lake, shop_settings), now=NOW)

    sums = history(lake).filter(pl.col("metric_name") == "sum(amount)", pl.col("segment") == "person_id=3")
    assert len(sums) == 60 // 7 + 1


def test_a_measured_version_is_not_read_again(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(10))
    silver = brought(lake, shop_settings)

    assert measure(watched, lake, silver, now=NOW)
    assert not measure(watched, lake, silver, now=NOW)
    versions = take_in(lake, shop_settings.scratch, [watched])
    assert not measure(watched, lake, silver, now=NOW)
    assert take_in(lake, shop_settings.scratch, [watched]) == versions


def test_killed_between_its_commits_nothing_is_added_twice(
    shop: Shop, lake: Lake, shop_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.sell(range(10))
    measure(watched, lake, brought(lake, shop_settings), now=NOW)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for name in ("definitions", "deleted"):
        with monkeypatch.context() as patch:
            patch.setattr(kept, name, killed)
            with pytest.raises(KeyboardInterrupt):
                take_in(lake, shop_settings.scratch, [watched])
        assert waiting(lake)
    versions = take_in(lake, shop_settings.scratch, [watched])

    assert waiting(lake) == []
    assert set(versions.values()) == {0}
    records = open_table(lake, RECORDS)
    assert records is not None
    assert not records.scan().select(pl.struct("metric_name", "segment", "day").is_duplicated().any()).collect().item()


def test_what_is_measured_is_derived_from_every_declaration() -> None:
    found = definitions(all_datasets())

    assert found["table_name"].n_unique() == len(all_datasets())
    assert not found.select("table_name", "metric_name", "by_day").is_duplicated().any()
    for dataset in all_datasets():
        columns = set(silver_types(dataset))
        assert {*dataset.watch.figures, *dataset.watch.distinct, *dataset.watch.by} <= columns, dataset.name
        assert event_column(dataset) in columns | {None}
        assert dataset.watch == Watch() or event_column(dataset), f"{dataset.name} is watched by no day"


def test_history_of_nothing_is_empty(lake: Lake) -> None:
    assert history(lake).is_empty()


def test_a_release_says_how_long_its_rows_were_under_way(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(10))
    first = Release(1, NOW, {"silver/shop/sales": brought(lake, shop_settings).version})
    shop.sell([11], at=NOW - timedelta(hours=2))
    shop.sell([12], at=NOW - timedelta(hours=1))
    second = Release(2, NOW, {"silver/shop/sales": brought(lake, shop_settings).version})

    assert not measure_release([watched], lake, None, first)  # a past that was loaded is no news
    assert measure_release([watched], lake, first, second)
    assert not measure_release([watched], lake, first, second)
    assert not measure_release([watched], lake, second, second)
    take_in(lake, shop_settings.scratch, [watched])

    records = history(lake, "silver/shop/sales")
    assert set(records["target_system"]) == {"gold"}
    assert 3600 <= value(records, "release_latency_p50", None) <= value(records, "release_latency_p95", None) == 7200


def test_a_release_of_a_table_whose_place_in_the_log_moved_without_a_row_measures_the_others(
    shop: Shop, lake: Lake, shop_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A base backup of production, or another table's rows, move the log."""
    monkeypatch.setattr(postgres_changes, "TURN", 1)
    without_slots(shop)
    shop.sell(range(10))
    shop.run("ALTER TABLE shop.sales DROP COLUMN national_id")  # redacted: it may not be published
    shop.run("DROP PUBLICATION IF EXISTS shop; CREATE PUBLICATION shop FOR TABLE shop.sales")
    feed = source.changes("sales", slot="shop_sales", publication="shop")
    followed = replace(watched, feed=feed, deletes=Deletes.TOLD)
    first = Release(1, NOW, {"silver/shop/sales": brought(lake, shop_settings, followed).version})
    shop.run("CREATE TABLE shop.elsewhere AS SELECT 1 AS n")
    second = Release(2, NOW, {"silver/shop/sales": brought(lake, shop_settings, followed).version})
    without_slots(shop)

    assert second.versions != first.versions
    assert not measure_release([followed], lake, first, second)
