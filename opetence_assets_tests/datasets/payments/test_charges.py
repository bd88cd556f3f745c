"""Stripe's amounts stay what they are: whole minor units of a currency, whatever a unit is in it."""

from __future__ import annotations

from datetime import UTC, datetime

from opetence_assets.datasets.payments.charges import charges
from opetence_assets_tests.datasets.samples import judged, refined


def test_a_charge_in_yen_has_no_cents_and_its_seconds_are_utc() -> None:
    row = refined(charges, [{"amount": "1500", "amount_refunded": "0", "currency": "jpy", "created_at": "1767225600"}])

    assert row.select("amount", "currency", "created_at").row(0) == (1500, "jpy", datetime(2026, 1, 1, tzinfo=UTC))


def test_more_refunded_than_charged_is_quarantined() -> None:
    refused = judged(charges, [{"amount": "100", "amount_refunded": "101"}]).refused

    assert refused["reasons"].to_list() == [["refunded more than charged"]]


def test_the_card_and_its_holder_are_not_in_silver() -> None:
    columns = set(refined(charges, [{}]).columns)

    assert columns.isdisjoint({"card_last4", "billing_name", "billing_email"})
    assert "billing_email_hash" in columns
