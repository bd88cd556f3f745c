"""Variants: one row a size, with the product it belongs to."""

from __future__ import annotations

from opetence_assets.datasets.catalog.product_variants import product_variants
from opetence_assets_tests.datasets.samples import judged, refined


def test_stock_is_a_number_that_is_not_below_zero() -> None:
    assert refined(product_variants, [{"stock": "0"}])["stock"].to_list() == [0]
    assert judged(product_variants, [{"stock": "-2"}]).refused["reasons"].to_list() == [
        ["stock: greater_than_or_equal_to"]
    ]


def test_the_server_finds_parent_and_child_where_they_stand() -> None:
    feed = product_variants.feed

    assert feed.path("updated_at") == "updated_at"  # type: ignore[attr-defined]
    assert feed.path("sku") == "variants.sku"  # type: ignore[attr-defined]
