"""Reviews: ratings from 1 to 5 however they are spelt, texts without addresses, reviewers without names."""

from __future__ import annotations

import pytest

from opetence_assets.datasets.catalog.reviews import reviews
from opetence_assets_tests.datasets.samples import judged, refined


def test_a_rating_that_came_as_text_is_the_same_rating() -> None:
    assert refined(reviews, [{"rating": "5"}])["rating"].to_list() == [5]


@pytest.mark.parametrize(
    ("rating", "reason"),
    [("0", "rating: greater_than_or_equal_to"), ("7", "rating: less_than_or_equal_to"), ("good", "rating: null")],
)
def test_what_is_no_rating_is_refused(rating: str, reason: str) -> None:
    assert judged(reviews, [{"rating": rating}]).refused["reasons"].to_list() == [[reason]]


def test_nothing_personal_stays_in_the_clear() -> None:
    row = refined(reviews, [{"body": "write to a@example.org", "title": None, "reviewer_name": "Anna B."}]).row(
        0, named=True
    )

    assert row["body_scrubbed"] == "write to <e-mail>"
    assert {"body", "title", "reviewer_name"}.isdisjoint(row)
