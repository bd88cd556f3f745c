"""Tickets and comments keep what was said, without who could be told from it."""

from __future__ import annotations

from datetime import UTC, datetime

from opetence_assets.datasets.support.satisfaction_ratings import satisfaction_ratings
from opetence_assets.datasets.support.ticket_comments import ticket_comments
from opetence_assets.datasets.support.tickets import tickets
from opetence_assets_tests.datasets.samples import judged, refined


def test_free_text_is_scrubbed_and_the_requester_digested() -> None:
    text = "card 4242 4242 4242 4242, call +49 151 2345678"
    row = refined(tickets, [{"description": text, "requester_email": "a@b.example"}]).row(0, named=True)

    assert row["description_scrubbed"] == "card <card>, call <phone>"
    assert len(row["requester_email_hash"]) == 16
    assert "requester_name" not in row


def test_a_status_nobody_knows_is_quarantined() -> None:
    assert judged(tickets, [{"status": "lost"}]).refused["reasons"].to_list() == [["status: isin"]]


def test_other_events_of_a_ticket_are_left_out_and_counted() -> None:
    found = judged(ticket_comments, [{}, {"event_type": "Change"}])

    assert (len(found.valid), found.filtered, len(found.refused)) == (1, 1, 0)


def test_whole_seconds_are_utc() -> None:
    (moment,) = refined(satisfaction_ratings, [{"updated_at": "2026-01-31T08:15:00Z"}])["updated_at"]

    assert moment == datetime(2026, 1, 31, 8, 15, tzinfo=UTC)
