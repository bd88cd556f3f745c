"""What may be kept of free text and of addresses on the network."""

from __future__ import annotations

import ipaddress

import polars as pl

# In this order: without its plus a phone number may look like a card's, and a card's like a phone number.
_PERSONAL = (
    ("<e-mail>", r"[\p{L}\p{N}._%+\-]+\s?(?:@|%40|\(at\)|\[at\])\s?[\p{L}\p{N}\-]+(?:\.[\p{L}\p{N}\-]+)+"),
    ("<iban>", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"),
    ("<ip>", r"\b(?:\d{1,3}\.){3}\d{1,3}\b"),
    (
        "<ip>",
        r"\b(?:[0-9a-fA-F]{1,4}:){4,7}[0-9a-fA-F]{1,4}\b|\b(?:[0-9a-fA-F]{1,4}:){1,6}:(?:[0-9a-fA-F]{1,4}:?){1,6}\b",
    ),
    ("<number>", r"\b[A-Z]{2}\d{9}\b|\b\d{3}-\d{2}-\d{4}\b"),
    ("<phone>", r"\+\d(?:[ \-/.()]{0,2}\d){6,14}\b"),
    ("<card>", r"\b\d(?:[ \-]?\d){12,18}\b"),
    ("<phone>", r"(?:\b00|\b0|\(\+?\d{1,4}\)[ \-]?)[\d](?:[ \-/.()]{0,2}\d){6,14}\b"),
)
_IPV4 = r"^((?:\d{1,3}\.){3})\d{1,3}$"


def scrubbed(text: pl.Expr) -> pl.Expr:
    """Free text without e-mail and IP addresses, IBANs, national, card and phone numbers; each is named in brackets.

    Rather a number too many than one too few: an order number of 13 digits goes too.
    """
    for name, pattern in _PERSONAL:
        text = text.str.replace_all(pattern, name)
    return text


def network(addresses: pl.Series) -> pl.Series:
    """IP addresses (text) as their network: /24 of IPv4, /48 of IPv6; null for what is no address.

    IPv4 in one expression; IPv6, which has many spellings, once for each distinct value.
    """
    column = pl.col(addresses.name)
    short = addresses.to_frame().select(
        pl.when(column.str.contains(_IPV4)).then(column.str.extract(_IPV4) + "0/24").alias("network")
    )["network"]
    rest = addresses.filter(short.is_null() & addresses.is_not_null()).unique()
    if not len(rest):
        return short
    known = pl.DataFrame(
        {"text": rest, "long": [_ipv6(text) for text in rest.to_list()]}, {"text": pl.String, "long": pl.String}
    )
    long = addresses.alias("text").to_frame().join(known, on="text", how="left", maintain_order="left")["long"]
    return short.zip_with(short.is_not_null(), long)


def _ipv6(text: str) -> str | None:
    try:
        return str(ipaddress.IPv6Network(f"{text}/48", strict=False))
    except ValueError:
        return None
