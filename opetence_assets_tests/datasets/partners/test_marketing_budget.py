"""Amounts as people write them; the whole path of the sheet is tested with its source."""

from datetime import date
from decimal import Decimal

import pytest

from opetence_assets.datasets.partners.marketing_budget import marketing_budget
from opetence_assets_tests.datasets.samples import judged, refined


def test_a_month_is_its_first_day_and_an_amount_is_exact() -> None:
    (row,) = refined(marketing_budget, [{"month": "2026-02", "budget": "€12,345.60"}]).to_dicts()

    assert (row["month"], row["budget"]) == (date(2026, 2, 1), Decimal("12345.60"))


@pytest.mark.parametrize(
    "wrong", [{"month": "Feb 2026"}, {"month": "2026-13"}, {"budget": "1.234,50 €"}, {"channel": "Facebook"}]
)
def test_what_is_written_otherwise_is_refused(wrong: dict[str, str]) -> None:
    assert len(judged(marketing_budget, [wrong]).refused) == 1
