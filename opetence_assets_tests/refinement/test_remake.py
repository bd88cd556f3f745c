"""Silver made again from bronze: what the declaration now says, in one step, with nothing lost wherever it dies."""

from __future__ import annotations

import signal
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest

from opetence_assets.checks.completeness import completeness_results
from opetence_assets.checks.quality import quality_results
from opetence_assets.contract.severity import PassRefused
from opetence_assets.dataset import Completeness, DataError, Dataset, Grade, Money, Pii, Severity, Utc
from opetence_assets.lake.places import Lake, lake_at
from opetence_assets.lake.tables import Table, metadata_of
from opetence_assets.refinement.decisions import discard, mend
from opetence_assets.refinement.quarantine import DISCARDED, MOVING, REFUSAL
from opetence_assets.refinement.remake import remake
from opetence_assets.refinement.replay import Choice, replay
from opetence_assets.refinement.shape import VERSION
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings
from opetence_assets_tests.kills import context, dying
from opetence_assets_tests.refinement.brought import bring, strict, table
from opetence_assets_tests.shop import NOON, Shop, history, sales

KILLS = 5


def amounts(lake: Lake) -> dict[int, str]:
    rows = table(lake, "silver").scan().select("sale_id", "amount").sort("sale_id").collect()
    return {key: str(value) for key, value in rows.iter_rows()}


def cheap(all_of: dict[int, str]) -> dict[int, str]:
    return {key: "10.50" if value == "5000.00" else value for key, value in all_of.items()}


def news(silver: Table) -> dict[int, str]:
    """What its newest version wrote."""
    rows = silver.scan().filter(pl.col(VERSION) == silver.version).select("sale_id", "amount").sort("sale_id").collect()
    return {key: str(value) for key, value in rows.iter_rows()}


def failing(lake: Lake, dataset: Dataset = sales) -> list[str]:
    silver = table(lake, "silver")
    results = [*completeness_results(dataset, lake, silver), *quality_results(dataset, silver)]
    return [f"{result.name}: {result.found}" for result in results if not result.passed]


def story(shop: Shop, lake: Lake, settings: Settings, dataset: Dataset = sales) -> None:
    """Loads with news, changes, refusals, deletions and a row that comes back."""
    shop.sell(range(100))
    shop.sell([200, 201], email="nobody")
    bring(lake, settings, dataset)
    shop.sell([1, 2, 3], at=NOON + timedelta(hours=1), amount="5000")
    shop.sell([200], at=NOON + timedelta(hours=1))
    shop.run("DELETE FROM shop.sales WHERE sale_id IN (7, 8)")
    bring(lake, settings, dataset)
    shop.sell([7], at=NOON + timedelta(hours=1, minutes=30))
    bring(lake, settings, dataset)


@pytest.mark.parametrize("dataset", [sales, history], ids=["newest state", "history"])
def test_the_same_declaration_makes_the_same_table_and_commits_nothing(
    dataset: Dataset, shop: Shop, lake: Lake, shop_settings: Settings
) -> None:
    story(shop, lake, shop_settings, dataset)
    before = {zone: table(lake, zone).version for zone in ("silver", "quarantine")}

    done = remake(dataset, lake, shop_settings.scratch)

    assert done.conserved()
    assert {zone: table(lake, zone).version for zone in before} == before


def test_rows_that_break_a_new_rule_wait_and_come_back_without_it(
    shop: Shop, lake: Lake, shop_settings: Settings
) -> None:
    story(shop, lake, shop_settings)
    released, was = table(lake, "silver"), amounts(lake)

    done = remake(strict, lake, shop_settings.scratch)

    assert amounts(lake) == cheap(was), "of a key whose newest state is refused the one before holds"
    assert done.quarantined == table(lake, "quarantine").rows == 2 + 3
    assert failing(lake, strict) == []
    now = table(lake, "silver")
    assert news(now) == {1: "10.50", 2: "10.50", 3: "10.50"}
    assert released.scan().collect().height == len(was)  # what people read is as it was
    assert remake(strict, lake, shop_settings.scratch).version == now.version  # once

    remake(sales, lake, shop_settings.scratch)
    assert amounts(lake) == was
    assert failing(lake) == []


def test_a_day_that_lost_a_row_is_told_to_gold(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    story(shop, lake, shop_settings)
    completeness = Completeness(missing_at_most=10)
    filtered = replace(sales, filters={"of the third": pl.col("sold_at").dt.day() == 3}, completeness=completeness)

    done = remake(filtered, lake, shop_settings.scratch)

    now = table(lake, "silver")
    assert metadata_of(lake, now.key, now.version)["days"] == ["2026-03-03", "2026-04-03"]
    assert (done.filtered, news(now)) == (5, {})
    assert failing(lake, filtered) == []


def test_a_row_that_is_tidied_otherwise_is_news_and_no_other(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    story(shop, lake, shop_settings)
    rounded = replace(
        sales, tidy=lambda raw: raw.with_columns(pl.min_horizontal("amount", pl.lit(99, pl.Decimal(12, 2))))
    )

    remake(rounded, lake, shop_settings.scratch)

    silver = table(lake, "silver")
    assert news(silver) == {1: "99.00", 2: "99.00", 3: "99.00"}
    assert metadata_of(lake, silver.key, silver.version)["days"] == []


class Other(pa.DataFrameModel):
    sale_id: pl.String
    person_id: pl.Int64
    email: pl.String = pa.Field(str_matches=r"[^@]+@[^@]+$", metadata={"pii": Pii.HASH})
    full_name: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.SEAL})
    national_id: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.REDACT})
    amount: Money = pa.Field(ge=0)
    sold_at: Utc
    updated_at: Utc


def test_key_type_and_columns_change_in_one_commit(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    story(shop, lake, shop_settings)
    other = replace(
        sales,
        schema=Other,
        key=("sale_id", "person_id"),
        tidy=lambda raw: raw.with_columns(pl.col("sale_id").cast(pl.String)).drop("phone_masked", strict=False),
    )
    shop.sell([300], at=NOON + timedelta(hours=3))
    with pytest.raises(DataError, match="opetence rebuild shop/sales"):
        bring(lake, shop_settings, other)
    released = table(lake, "silver")

    remake(other, lake, shop_settings.scratch)

    silver = table(lake, "silver")
    assert silver.version == released.version + 1
    assert silver.scan().collect_schema()["sale_id"] == pl.String()
    assert "phone_masked" not in silver.schema.names
    assert len(amounts(lake)) == 101, "a hundred, less one that is gone, one that came right, one of the last load"
    assert failing(lake, other) == []
    assert released.scan().collect_schema()["sale_id"] == pl.Int64()
    refine(other, lake, shop_settings.scratch)
    assert table(lake, "silver").version == silver.version


def test_what_people_decided_holds(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell([1, 2, 3], amount="5000")
    bring(lake, shop_settings, strict)
    scratch = shop_settings.scratch
    rows = table(lake, "quarantine").scan().select("sale_id", REFUSAL).collect()
    numbers: dict[int, str] = dict(rows.iter_rows())
    discard(strict, lake, scratch, Choice([numbers[1]]), "a test order")
    for number, value in ((2, "50.00"), (3, "70.00")):
        mend(strict, lake, scratch, numbers[number], {"amount": value}, "the customer's invoice says so")
    replay(strict, lake, scratch, Choice([numbers[2]]))

    remake(sales, lake, scratch)  # by which none of them is too dear

    assert amounts(lake) == {2: "50.00", 3: "70.00"}
    kept = table(lake, "quarantine").scan().collect()
    assert [(row["sale_id"], row[REFUSAL]) for row in kept.iter_rows(named=True)] == [(1, numbers[1])]
    assert kept[DISCARDED].item().endswith("a test order")
    assert failing(lake) == []
    version = table(lake, "silver").version
    assert remake(sales, lake, scratch).version == version


def test_more_bad_rows_than_are_tolerated_leave_all_as_it_was(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    story(shop, lake, shop_settings)
    graded = replace(strict, grades={"too dear": Grade(Severity.BLOCK)})
    before = {zone: table(lake, zone).version for zone in ("silver", "quarantine")}

    with pytest.raises(PassRefused):
        remake(graded, lake, shop_settings.scratch)

    assert {zone: table(lake, zone).version for zone in before} == before


def made(settings: Settings, kill_at: int, steps: Any) -> None:
    """Makes silver again by the strict rules; dies at its ``kill_at``-th call of the package."""
    with dying(kill_at, steps):
        remake(strict, lake_at(settings), settings.scratch)


def test_killed_anywhere_it_is_made_once(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    """Spread over its steps, and the last ones too, where the three commits are; a load comes next, or it again."""
    forked = context()
    story(shop, lake, shop_settings)
    was, scratch = amounts(lake), shop_settings.scratch
    total = 0
    for number in range(KILLS + 1):
        steps = forked.Value("i", 0)
        at = total * (KILLS + number) // (2 * KILLS + 1) if total else 0
        child = forked.Process(target=made, args=(shop_settings, at, steps))
        child.start()
        child.join()
        assert child.exitcode == (-signal.SIGKILL if at else 0)
        total = total or steps.value
        if number % 2:
            shop.sell([50], at=NOON + timedelta(hours=3 + number))
            bring(lake, shop_settings, strict)  # settles what died
        remake(strict, lake, scratch)
        assert amounts(lake) == cheap(was)
        assert failing(lake, strict) == []
        assert table(lake, "quarantine").scan().select(pl.col(MOVING).is_null().all()).collect().item()
        remake(sales, lake, scratch)
        assert amounts(lake) == was
