"""Page views keep a network and no address; events that cannot be are refused."""

from __future__ import annotations

from opetence_assets.datasets.clickstream.page_views import page_views
from opetence_assets_tests.datasets.samples import judged, refined

TIMES = {"occurred_at": "2026-03-01T12:00:00.123Z", "sent_at": "2026-03-01T12:00:01.000Z"}


def test_of_an_address_only_its_network_is_kept() -> None:
    rows = refined(
        page_views, [{**TIMES, "event_id": "1", "ip": ip} for ip in ("203.0.113.77", "2001:db8:1:2::9", "?")]
    )

    assert rows["ip_network"].to_list() == ["203.0.113.0/24", "2001:db8:1::/48", None]


def test_times_are_utc_to_the_millisecond() -> None:
    row = refined(page_views, [TIMES]).row(0, named=True)

    assert row["occurred_at"].isoformat() == "2026-03-01T12:00:00.123000+00:00"


def test_a_number_that_cannot_be_read_is_no_missing_one() -> None:
    wrong = judged(page_views, [{**TIMES, "user_id": value} for value in ("true", None, " ")])

    assert wrong.refused["reasons"].to_list() == [["user_id: unreadable"]]
    assert wrong.valid["user_id"].to_list() == [None, None]


def test_a_visitor_without_a_number_is_a_visitor() -> None:
    assert refined(page_views, [{**TIMES, "user_id": value} for value in (None, "7")])["user_id"].to_list() == [None, 7]


def test_what_was_sent_before_it_happened_is_refused() -> None:
    wrong = judged(page_views, [{"occurred_at": TIMES["sent_at"], "sent_at": TIMES["occurred_at"]}])

    assert wrong.refused["reasons"].to_list() == [["sent before it happened"]]
