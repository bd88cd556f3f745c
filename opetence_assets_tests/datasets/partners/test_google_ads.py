"""Costs come in millionths and are cents in silver."""

from decimal import Decimal

import pytest

from opetence_assets.datasets.partners.google_ads import google_ads
from opetence_assets_tests.datasets.samples import judged, refined


@pytest.mark.parametrize(
    ("micros", "spend"), [("1500000", "1.50"), ("0", "0.00"), ("1994999", "1.99"), ("1999999", "2.00")]
)
def test_millionths_are_cents(micros: str, spend: str) -> None:
    (row,) = refined(google_ads, [{"cost_micros": micros}]).to_dicts()

    assert row["spend"] == Decimal(spend)


@pytest.mark.parametrize("column", ["cost_micros", "impressions", "clicks", "date"])
def test_a_value_of_another_type_is_refused(column: str) -> None:
    assert len(judged(google_ads, [{column: "n/a"}, {column: None}]).refused) == 2
