"""Values that name a person are found where none may be; what only looks like one is not."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opetence_assets.privacy.detection import kinds_of, personal_values, without_values
from opetence_assets.privacy.text import scrubbed

FOUND = (
    *(("e-mail", text) for text in ("jane.doe@example.org", "Mail JANE@EXAMPLE.CO.UK!", "?to=jane%40example.org&x=1")),
    *(("e-mail", text) for text in ("jürgen.müller@köln.example", '{"a":"b+c@d.example"}')),
    *(
        ("phone", text)
        for text in ("+49 151 23456789", "call (+49) 151-2345678 now", "0151/23456789", "0049 30 1234567")
    ),
    *(("card", text) for text in ("4242 4242 4242 4242", "4242424242424242", "paid 5105-1051-0510-5100.")),
    *(("card", text) for text in ("378282246310005", "3782 822463 10005")),
    *(("iban", text) for text in ("DE89370400440532013000", "GB29NWBK60161331926819")),
    *(("national number", text) for text in ("DE123456789", "ssn 078-05-1120")),
    *(("IP address", text) for text in ("10.1.2.3", "from 203.0.113.9, twice", "2001:db8:1:2::9")),
)
CLEAN = (
    *("O0000000123", "R0000000001", "4006381333931", "ch_3MqLiJLkdIwHu7ixUEgbFdYF", "DE89370400440532013001"),
    *("4242 4242 4242 4241", "10.1.2.0/24", "2001:db8:1::/48", "12:00:30", "2026-01-02 12:00:30.123456+00", "•••89"),
    *("version 1.2.3", "999.1.2.3", "20260102120030", "GA1.2.1234567890.1700000000", "a @ b", "@shop", "50% @ home"),
    *("<e-mail> wrote", "SKU-000123-4567", "0.123456789", "1,234,567.89", "AB12CD34EF56", "voucher SAVE20"),
)  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), FOUND)
def test_a_personal_value_is_found(kind: str, text: str) -> None:
    frame = pl.LazyFrame({"note": ["nothing", text, None, text], "other": ["a", "b", "c", None]})

    assert personal_values(frame, ["note", "other"]) == {"note": {kind: 1}}


@pytest.mark.parametrize("text", CLEAN)
def test_what_looks_like_one_is_none(text: str) -> None:
    assert personal_values(pl.LazyFrame({"note": [text]}), ["note"]) == {}


@given(st.lists(st.sampled_from([*(text for _, text in FOUND), *CLEAN, "and", "12", "x"]), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_what_is_scrubbed_holds_none(parts: list[str]) -> None:
    kept = pl.DataFrame({"t": [" ".join(parts)]}).select(scrubbed(pl.col("t"))).item()

    assert kinds_of([kept]) == {}


@given(st.text(max_size=30), st.sampled_from(["'{}'", '"{}"', '["{}", null]', "`{}`"]))
def test_no_quoted_value_survives_in_a_message(value: str, quoted: str) -> None:
    marked = f"Zaphod{value}Beeblebrox"
    told = without_values(f"Could not convert string {quoted.format(marked)} to INT32")

    assert "Zaphod" not in told
    assert "Beeblebrox" not in told
    assert told.startswith("Could not convert string")


def test_a_value_without_quotes_is_named_by_its_kind() -> None:
    assert without_values("cannot parse jane@example.org, +49 151 2345678") == "cannot parse <e-mail>,<phone>"
