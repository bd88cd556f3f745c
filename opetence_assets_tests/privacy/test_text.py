"""Free text loses what could name a person and keeps the rest; addresses lose the person and keep the network."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opetence_assets.privacy.text import network, scrubbed


def scrub(text: str) -> str:
    return pl.DataFrame({"t": [text]}).select(scrubbed(pl.col("t"))).item()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("write to Jane.Doe+shop@mail.example.org please", "write to <e-mail> please"),
        ("jane (at) example.org", "<e-mail>"),
        ("jürgen.müller@köln.example", "<e-mail>"),
        ("my card 4242 4242 4242 4242 was charged", "my card <card> was charged"),
        ("card 5105-1051-0510-5100.", "card <card>."),
        ("IBAN DE89 3704 0044 0532 0130 00", "IBAN <iban>"),
        ("call +49 151 23456789 or 0151/2345678", "call <phone> or <phone>"),
        ("tel. (030) 123456-78", "tel. <phone>"),
        ("order O0000000123 of 2026-01-02, 12:00", "order O0000000123 of 2026-01-02, 12:00"),
    ],
)  # fmt: skip
def test_what_names_a_person_is_named_by_its_kind(text: str, kept: str) -> None:
    assert scrub(text) == kept


@given(st.emails(), st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="@"), max_size=20))
@settings(deadline=None)
def test_no_address_survives(address: str, around: str) -> None:
    local, _, domain = address.partition("@")
    assert f"@{domain}" not in scrub(f"{around} {address} {around}") or not local.isalnum()


@given(st.from_regex(r"[2-6][0-9]{15}", fullmatch=True), st.sampled_from(["", " ", "-"]))
@settings(deadline=None)
def test_no_card_number_survives(digits: str, between: str) -> None:
    number = between.join(digits[i : i + 4] for i in range(0, 16, 4))

    assert number not in scrub(f"paid with {number} yesterday")


def test_networks() -> None:
    addresses = pl.Series("ip", ["10.1.2.3", "2001:db8:1:2::9", "::1", None, "nobody", ""])

    assert network(addresses).to_list() == ["10.1.2.0/24", "2001:db8:1::/48", "::/48", None, None, None]


@given(st.lists(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)), min_size=1, max_size=20))
def test_no_address_can_be_read_from_its_network(addresses: list[object]) -> None:
    texts = [str(address) for address in addresses]
    kept = network(pl.Series("ip", texts)).to_list()

    assert all(value is not None and value.endswith(("/24", "/48")) for value in kept)
    assert all(
        text != value.partition("/")[0] or text.endswith((".0", "::")) for text, value in zip(texts, kept, strict=True)
    )
