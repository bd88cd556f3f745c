"""What Analytics says of a visit, and how it says that it does not know."""

from __future__ import annotations

import pytest

from opetence_assets.datasets.web.sessions import sessions
from opetence_assets.datasets.web.traffic import traffic
from opetence_assets_tests.datasets.samples import refined


@pytest.mark.parametrize("unknown", ["", "(not set)"])
def test_what_analytics_does_not_know_is_null(unknown: str) -> None:
    row = refined(sessions, [{"campaign_id": unknown, "order_id": unknown}]).row(0, named=True)

    assert (row["campaign_id"], row["order_id"]) == (None, None)


def test_the_visitor_is_a_digest_only() -> None:
    row = refined(sessions, [{"client_id": "123.456"}]).row(0, named=True)

    assert len(row["client_id_hash"]) == 16
    assert "client_id" not in row


def test_a_thresholded_report_is_marked() -> None:
    assert refined(traffic, [{"thresholded": "true"}, {"thresholded": "false"}])["thresholded"].to_list() == [
        True,
        False,
    ]
