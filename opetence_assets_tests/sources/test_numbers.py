"""A number is read exactly or not at all."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opetence_assets.sources.numbers import decimal, whole


def read(text: str | None, expression: pl.Expr) -> object:
    return pl.DataFrame({"n": [text]}, {"n": pl.String}).select(expression).item()


@pytest.mark.parametrize(
    ("text", "form", "number"),
    [
        ("1234.50", {}, "1234.50"),
        ("-0", {}, "0"),
        (" 12.5000 ", {}, "12.50"),
        ("1.234,5", {"point": ",", "thousands": "."}, "1234.50"),
        ("1234,50", {"point": ",", "thousands": "."}, "1234.50"),
        ("€1,234.50", {"thousands": ",", "currency": "€"}, "1234.50"),
        ("1 234,50 €", {"point": ",", "thousands": " ", "currency": "€"}, "1234.50"),
        ("1\u202f234,50\u00a0€", {"point": ",", "thousands": " ", "currency": "€"}, "1234.50"),
        ("-€5.00", {"currency": "€$"}, "-5.00"),
        ("1.234", {"scale": 3}, "1.234"),
        ("1.234", {}, None),  # would have to be rounded
        ("1,234.50", {}, None),
        ("12,34.50", {"thousands": ","}, None),
        ("1.234,50", {"thousands": ","}, None),
        ("1,5", {"thousands": ","}, None),
        ("€€5", {"currency": "€"}, None),
        ("$5", {"currency": "€"}, None),
        ("", {}, None),
        (None, {}, None),
        ("NaN", {}, None),
        ("1e3", {}, None),
        ("--5", {}, None),
        ("12345678901.00", {}, None),  # beyond decimal(12, 2)
        ("٣", {}, None),
    ],
)
def test_a_decimal(text: str | None, form: dict[str, object], number: str | None) -> None:
    expected = None if number is None else Decimal(number)

    assert read(text, decimal("n", **form)) == expected  # type: ignore[arg-type]


@given(st.decimals(-(10**9), 10**9, places=2, allow_nan=False), st.sampled_from([(".", ","), (",", "."), (",", " ")]))
def test_a_decimal_comes_back_from_any_form(number: Decimal, marks: tuple[str, str]) -> None:
    point, thousands = marks
    text = f"{number:,.2f}".translate({ord(","): thousands, ord("."): point})

    assert read(text, decimal("n", point=point, thousands=thousands)) == number


@pytest.mark.parametrize(
    ("text", "thousands", "number"),
    [
        ("12", "", 12),
        ("-3", "", -3),
        ("1,234", ",", 1234),
        ("12,34", ",", None),
        ("1,234", "", None),
        ("1.0", "", None),
        ("9223372036854775807", "", 2**63 - 1),
        ("9223372036854775808", "", None),
        ("abc", "", None),
        ("", "", None),
    ],
)
def test_a_whole_number(text: str, thousands: str, number: int | None) -> None:
    assert read(text, whole("n", thousands=thousands)) == number
