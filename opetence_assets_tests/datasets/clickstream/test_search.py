"""What people search for is kept without what would tell who they are."""

from __future__ import annotations

from opetence_assets.datasets.clickstream.search import search
from opetence_assets_tests.datasets.samples import judged, refined


def test_an_address_typed_into_the_search_is_replaced() -> None:
    (text,) = refined(search, [{"query": "order of a.b@example.org, 0151 1234567"}])["query_scrubbed"]

    assert text == "order of <e-mail>, <phone>"


def test_a_number_of_results_that_is_none_is_refused() -> None:
    assert judged(search, [{"results": "many"}]).refused["reasons"].to_list() == [["results: null"]]
