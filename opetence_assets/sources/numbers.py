"""Numbers as people write them: Polars expressions for a declaration's ``tidy``.

What is not exactly a number of the declared form becomes null, and the schema refuses its row with a reason; nothing is
rounded.
"""

from __future__ import annotations

import re

import polars as pl


def decimal(column: str, scale: int = 2, *, point: str = ".", thousands: str = "", currency: str = "") -> pl.Expr:
    """A text column as ``decimal(12 or more, scale)``, exactly.

    Args:
        point: the decimal separator: ``.`` or ``,``.
        thousands: the separator between groups of three digits, each either absent or in every place; ``" "`` stands
            for any blank (no-break and narrow ones too).
        currency: signs that may stand before or after the number, such as ``€$``.
    """
    groups = r"[ \u00a0\u202f]" if thousands == " " else re.escape(thousands)
    whole = rf"(?:\d+|\d{{1,3}}(?:{groups}\d{{3}})+)" if thousands else r"\d+"
    sign = rf"[{re.escape(currency)}]?" if currency else ""
    number = rf"^\s*[+-]?\s*{sign}\s*[+-]?{whole}(?:{re.escape(point)}\d{{1,{scale}}}0*)?\s*{sign}\s*$"
    text = pl.col(column)
    digits = text.str.replace_all(rf"[^\d{re.escape(point)}+-]", "").str.replace(point, ".", literal=True)
    return pl.when(text.str.contains(number)).then(digits).cast(pl.Decimal(max(12, scale), scale), strict=False)


def whole(column: str, *, thousands: str = "") -> pl.Expr:
    """A text column as a 64-bit integer; ``1.0`` is none, and neither is a number beyond its range."""
    groups = re.escape(thousands)
    number = rf"^[+-]?(?:\d+|\d{{1,3}}(?:{groups}\d{{3}})+)$" if thousands else r"^[+-]?\d+$"
    text = pl.col(column).str.strip_chars()
    digits = text.str.replace_all(thousands, "", literal=True) if thousands else text
    return pl.when(text.str.contains(number)).then(digits).cast(pl.Int64, strict=False)
