"""Finds personal values where none may be: e-mails, phones, cards, IBANs, national numbers, IP addresses.

Stricter than ``text.scrubbed``, which rather takes a number too many: a find here stops a release, so a bar code, an
order number or a time must be none. What is found is counted, never shown.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

import polars as pl

_EU = "AT|BE|BG|CH|CY|CZ|DE|DK|EE|ES|FI|FR|GB|GR|HR|HU|IE|IT|LT|LU|LV|MT|NL|NO|PL|PT|RO|SE|SI|SK"
# Each understood by Polars, DuckDB and Python alike: no looking around.
PATTERNS: Mapping[str, str] = {
    "e-mail": r"[\p{L}\p{N}._%+\-]+(?:@|%40)[\p{L}\p{N}\-]+(?:\.[\p{L}\p{N}\-]+)*\.\p{L}{2,}",
    "phone": r"(?:^|[^\w+])(?:\+|\(\+)[1-9](?:[ \-/.()]{0,2}\d){7,14}\b|(?:^|[^\w.,:\-])0[1-9]\d{1,3}[ /\-]\d{5,9}\b"
    r"|(?:^|[^\w.,:\-])00[1-9]\d{0,2}[ /\-]\d(?:[ /\-]?\d){6,12}\b",
    "card": r"\b(?:3[47]\d{2}|4\d{3}|5[1-5]\d{2}|2[2-7]\d{2}|6011|65\d{2})[ \-]?\d{4}[ \-]?\d{4}[ \-]?\d{3,4}\b"
    r"|\b3[47]\d{2}[ \-]?\d{6}[ \-]?\d{5}\b",
    "iban": rf"\b(?:{_EU})\d{{2}}(?: ?[A-Z0-9]{{4}}){{3,7}}(?: ?[A-Z0-9]{{1,3}})?\b",
    "national number": rf"\b(?:{_EU})\d{{9}}\b|\b\d{{3}}-\d{{2}}-\d{{4}}\b",
    "IP address": r"(?:^|[^\w.])(?:\d{1,3}\.){3}\d{1,3}(?:$|[^\w./])"
    r"|(?:^|[^\w:])(?:[0-9a-fA-F]{1,4}:){2,7}(?::?[0-9a-fA-F]{1,4}){1,6}(?:$|[^\w:/])",
}
ANY = "|".join(f"(?:{pattern})" for pattern in PATTERNS.values())


def personal_values(rows: pl.LazyFrame, columns: Sequence[str]) -> dict[str, dict[str, int]]:
    """Text column → kind → how many distinct values hold one; only columns and kinds that were found.

    One scan of all columns together, 50 ns a value: the expression is cheaper than telling values apart, so that is
    done with what it hits.
    """
    if not columns:
        return {}
    hits = (pl.col(name).filter(pl.col(name).str.contains(ANY)).unique().implode() for name in columns)
    found = rows.select(hits).collect(engine="streaming")
    kinds = {name: kinds_of(found[name][0].to_list()) for name in columns}
    return {name: found for name, found in kinds.items() if found}


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


def without_values(message: str) -> str:
    """A library's error message as it may be shown: less whatever stands in quotes or brackets, which may be data.

    From the first quote of a kind to its last one: a value may hold quotes and line ends itself.
    """
    for first, last in (("[", "]"), ("'", "'"), ('"', '"'), ("`", "`")):
        start, end = message.find(first), message.rfind(last)
        if 0 <= start < end:
            message = f"{message[:start]}{first}…{last}{message[end + 1 :]}"
    return masked(message)


def masked(message: str) -> str:
    """A text of our own as it may be shown, should a value have come into it all the same."""
    for kind, (pattern, _) in _detectors().items():
        message = pattern.sub(f"<{kind}>", message)
    return message


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
