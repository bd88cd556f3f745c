"""Cart additions name a product by number and bring at least one of it."""

from __future__ import annotations

import pytest

from opetence_assets.datasets.clickstream.add_to_cart import add_to_cart
from opetence_assets_tests.datasets.samples import judged, refined


def test_numbers_are_numbers() -> None:
    assert refined(add_to_cart, [{"product_id": "12", "quantity": "3"}]).select("product_id", "quantity").rows() == [
        (12, 3)
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [({"product_id": "abc"}, "product_id: null"), ({"quantity": "0"}, "quantity: greater_than_or_equal_to")],
)
def test_what_is_no_product_or_none_of_it_is_refused(row: dict[str, str], reason: str) -> None:
    assert judged(add_to_cart, [row]).refused["reasons"].to_list() == [[reason]]
