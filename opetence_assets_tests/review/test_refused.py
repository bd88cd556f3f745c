"""What a plan says would be refused is what refining again refuses, row for row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandera.polars as pa
import polars as pl
import pytest

from opetence_assets.checks.quality import quality_results
from opetence_assets.dataset import Dataset, Grade, Money, Pii, Severity, Window
from opetence_assets.ingestion.bronze import Request, load
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import open_table
from opetence_assets.refinement.quarantine import REASON, RULES_VERSION, rules_version
from opetence_assets.refinement.silver import refine
from opetence_assets.review.declared import described_dataset
from opetence_assets.review.refused import SEALED_AWAY, Refused, refused_rows
from opetence_assets.settings import Settings
from opetence_assets_tests.shop import NOON, Sale, Shop, sales

ALWAYS = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


class Dearer(Sale):
    amount: Money = pa.Field(ge=20)


class Elsewhere(Sale):
    email: pl.String = pa.Field(str_matches=r"[^@]+@example.com$", metadata={"pii": Pii.HASH})


def halved(raw: pl.LazyFrame) -> pl.LazyFrame:
    return raw.with_columns(pl.when(pl.col("sale_id") < 12).then(pl.col("amount")).alias("amount"))


def mistyped(raw: pl.LazyFrame) -> pl.LazyFrame:
    return raw.with_columns(pl.col("amount").cast(pl.Float64))


STRICTER = {
    "amount: greater_than_or_equal_to": replace(sales, schema=Dearer),
    "few": replace(sales, rules={"few": pl.col("sale_id") % 4 > 0}),
    "amount: null": replace(sales, tidy=halved),
}


def asked(lake: Lake, before: Dataset, after: Dataset) -> list[Refused]:
    sides = [{"datasets": {dataset.name: described_dataset(dataset)}} for dataset in (before, after)]
    return refused_rows(sides[0], sides[1], (after,), lake)


@pytest.fixture
def refined(shop: Shop, lake: Lake, shop_settings: Settings) -> Settings:
    """Forty sales, some of them changed since, some refused already."""
    shop.sell(range(30))
    shop.sell([30, 31, 32], amount="-1")
    shop.sell(range(33, 40), amount="25")
    load(sales, lake, shop_settings, Request())
    shop.sell([3, 4], at=NOON + timedelta(hours=1), amount="25")
    load(sales, lake, shop_settings, Request())
    refine(sales, lake, shop_settings.scratch)
    return shop_settings


@pytest.mark.parametrize("rule", STRICTER)
def test_as_many_rows_are_refused_as_the_plan_says(rule: str, refined: Settings, lake: Lake) -> None:
    stricter = STRICTER[rule]
    (said,) = [one for one in asked(lake, sales, stricter) if one.rule == rule]
    silver = open_table(lake, "silver/shop/sales")
    assert silver is not None
    found = {result.name: result.found for result in quality_results(stricter, silver)}

    refine(stricter, lake, refined.scratch, ALWAYS)

    table = open_table(lake, "quarantine/shop/sales")
    assert table is not None
    again = pl.col(RULES_VERSION) == rules_version(stricter)
    refused = table.scan().filter(again, pl.col(REASON).str.contains(rule, literal=True)).collect()
    assert said.breaking is not None
    assert said.breaking - said.known == len(refused) > 0
    # what readers have and the rule refuses is what the check of the released table finds
    assert said.current == 0 or f"{rule}: {said.current} rows" in found["rules"]


def test_a_state_that_is_past_counts_as_landed_and_not_as_current(refined: Settings, lake: Lake) -> None:
    (said,) = asked(lake, sales, STRICTER["amount: greater_than_or_equal_to"])

    assert (said.landed, said.breaking, said.known, said.current) == (42, 33, 3, 28)
    assert said.days is not None
    assert said.days[2] == 28


def test_a_filter_says_what_it_leaves_out(refined: Settings, lake: Lake) -> None:
    filtering = replace(sales, filters={"old": pl.col("sale_id") < 10})
    left_out = {one.rule: one for one in asked(lake, sales, filtering)}["old"]

    done = refine(filtering, lake, refined.scratch, ALWAYS)

    assert (left_out.breaking, left_out.does) == (done.filtered, "left out") == (12, "left out")


def test_what_cannot_be_judged_is_said(refined: Settings, lake: Lake) -> None:
    (sealed,) = asked(lake, sales, replace(sales, schema=Elsewhere))
    mistaken = asked(lake, sales, replace(sales, tidy=mistyped))

    assert (sealed.breaking, sealed.note) == (None, SEALED_AWAY)
    assert [one.note for one in mistaken if one.rule == ""] == ["tidy gives other types: amount Float64"]


def test_nothing_is_asked_of_rules_that_stay(refined: Settings, lake: Lake) -> None:
    assert asked(lake, sales, replace(sales, owner="team:others")) == []
    (warned,) = asked(
        lake, sales, replace(sales, rules={"few": pl.col("sale_id") > 9}, grades={"few": Grade(Severity.WARN)})
    )
    assert warned.does == "counted"
