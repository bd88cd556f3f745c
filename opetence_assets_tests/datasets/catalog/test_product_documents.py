"""Product documents: nested attributes are columns, tags stay a list, sizes are another table's."""

from __future__ import annotations

from datetime import datetime

from opetence_assets.datasets.catalog.product_documents import product_documents
from opetence_assets.sources.records import Noticed, Shape, tabled
from opetence_assets_tests.datasets.samples import judged, refined

DOCUMENT = {
    "_id": "65f0", "product_id": 7, "vendor_id": 3, "title": "Lamp", "description": None,
    "attributes": {
        "brand": "B", "color": None, "material": "oak", "weight_g": 900, "dimensions": {"w": 1.5, "h": 20.0, "d": 3.25}
    },
    "tags": ["new", "light"], "variants": [{"sku": "s"}],
    "created_at": datetime(2026, 1, 1), "updated_at": datetime(2026, 1, 2),
}  # fmt: skip


def arrived(document: dict[str, object]) -> dict[str, str | None]:
    shape = product_documents.feed.shape  # type: ignore[attr-defined]
    assert isinstance(shape, Shape)
    noticed = Noticed()
    (row,) = tabled([document], shape, noticed).to_pylist()
    assert noticed.undeclared == set()
    return row


def test_a_document_becomes_a_row() -> None:
    row = refined(product_documents, [arrived(DOCUMENT)]).row(0, named=True)

    assert (row["brand"], row["weight_g"], row["width_cm"], row["depth_cm"]) == ("B", 900, 1.5, 3.25)
    assert (row["description"], row["tags"]) == (None, '["new","light"]')


def test_a_negative_weight_is_refused() -> None:
    assert judged(product_documents, [{"weight_g": "-1"}]).refused["reasons"].to_list() == [
        ["weight_g: greater_than_or_equal_to"]
    ]
