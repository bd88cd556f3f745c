"""Finds personal values where none may be: e-mails, phones, cards, IBANs, national numbers, IP addresses.

Stricter than ``text.scrubbed``, which rather takes a number too many: a find here stops a release, so a bar code, an
order number or a time must be none. What is found is counted, never shown.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache

import polars as pl

_EU = "AT|BE|BG|CH|CY|CZ|DE|DK|EE|ES|FI|FR|GB|GR|HR|HU|IE|IT|LT|LU|LV|MT|NL|NO|PL|PT|RO|SE|SI|SK"
# Each understood by Polars, DuckDB and Python alike: no looking around.
PATTERNS: Mapping[str, str] = {
    "e-mail": r"[\p{L}\p{N}._%+\-]+(?:@|%40)[\p{L}\p{N}\-]+(?:\.[\p{L}\p{N}\-]+)*\.\p{L}{2,}",
    "phone": r"(?:^|[^\w+])(?:\+|\(\+)[1-9](?:[ \-/.()]{0,2}\d){7,14}\b|(?:^|[^\w.,:\-])0[1-9]\d{1,3}[ /\-]\d{5,9}\b",
    "card": r"\b(?:3[47]\d{2}|4\d{3}|5[1-5]\d{2}|2[2-7]\d{2}|6011|65\d{2})[ \-]?\d{4}[ \-]?\d{4}[ \-]?\d{3,4}\b"
    r"|\b3[47]\d{2}[ \-]?\d{6}[ \-]?\d{5}\b",
    "iban": rf"\b(?:{_EU})\d{{2}}(?: ?[A-Z0-9]{{4}}){{3,7}}(?: ?[A-Z0-9]{{1,3}})?\b",
    "national number": rf"\b(?:{_EU})\d{{9}}\b|\b\d{{3}}-\d{{2}}-\d{{4}}\b",
    "IP address": r"(?:^|[^\w.])(?:\d{1,3}\.){3}\d{1,3}(?:$|[^\w./])"
    r"|(?:^|[^\w:])(?:[0-9a-fA-F]{1,4}:){2,7}(?::?[0-9a-fA-F]{1,4}){1,6}(?:$|[^\w:/])",
}
ANY = "|".join(f"(?:{pattern})" for pattern in PATTERNS.values())


def personal_values(texts: pl.Series) -> dict[str, int]:
    """Kind → how many distinct values of a text column hold one; empty if none does."""
    hits = texts.unique().to_frame("text").filter(pl.col("text").str.contains(ANY))["text"]
    return kinds_of(hits.to_list())


def kinds_of(texts: Iterable[str]) -> dict[str, int]:
    """Kind → how many of these texts hold one."""
    found: dict[str, int] = {}
    for text in texts:
        for kind, (pattern, holds) in _detectors().items():
            if any(holds(match.group()) for match in pattern.finditer(text)):
                found[kind] = found.get(kind, 0) + 1
    return found


def told(found: Mapping[str, int]) -> str:
    """``3 e-mail, 1 phone``"""
    return ", ".join(f"{count:,} {kind}" for kind, count in found.items())


@cache
def _detectors() -> dict[str, tuple[re.Pattern[str], Callable[[str], bool]]]:
    exact = {"card": _luhn, "iban": _iban, "IP address": _address}
    return {kind: (re.compile(_python(pattern)), exact.get(kind, bool)) for kind, pattern in PATTERNS.items()}


def _python(pattern: str) -> str:
    """Python's expressions have no letter classes by property; its \\w is letters, digits and the underscore."""
    return pattern.replace(r"[\p{L}\p{N}", r"[\w").replace(r"\p{L}", r"[^\W\d_]")


def _luhn(text: str) -> bool:
    digits = [int(digit) for digit in text if digit.isdigit()][::-1]
    return sum(digits[::2]) % 10 == -sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2]) % 10 and any(digits)


def _iban(text: str) -> bool:
    plain = re.sub(r"\s", "", text)
    return int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1


def _address(text: str) -> bool:
    """A whole address, not a time, a number with points or a network."""
    plain = text.strip(" \t\n,;()[]{}<>\"'=|")
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_loopback)
