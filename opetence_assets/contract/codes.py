"""Codes of a fixed shape, as ``O\\d{10}$``: seen in a column's memory, by the machine word, without a regex engine.

A regex costs 30 ns a value, most of it for being called: 0.29 CPU-s for 10 M order ids, whose decoding costs 0.17.
Polars keeps a text of up to 12 bytes inside a 16-byte view, so that its length, letters and digits are two machine
words; that all words have the shape is four operations on them, 0.04 CPU-s. It is evidence in one direction only: a
text that has the shape matches the pattern; where one has not (a digit of another script matches too), the pattern
itself is asked.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl

INLINE = 12  # bytes
AT_ONCE = 65_536  # views: 1 MB, which stays in the core's cache over the four operations
_SHAPE = re.compile(r"\^?((?:(?:[A-Za-z0-9_-]|\\d)(?:\{\d{1,2}\})?)+)\$")
_PART = re.compile(r"([A-Za-z0-9_-]|\\d)(?:\{(\d+)\})?")


@dataclass(frozen=True)
class Code:
    """Evidence that every text of a column passes: each is these letters, with a digit for each ``#``."""

    column: str
    shape: str


def code_of(column: str, pattern: str) -> Code | None:
    """The shape of a pattern that is nothing but letters and counted digits up to the end; None for any other."""
    written = _SHAPE.fullmatch(pattern)
    if written is None:
        return None
    parts = _PART.findall(written[1])
    shape = "".join(("#" if part == r"\d" else part) * int(count or 1) for part, count in parts)
    return Code(column, shape) if 0 < len(shape) <= INLINE and "#" in shape else None


def all_have_shape(texts: pl.Series, shape: str) -> bool:
    """Whether every text certainly has the shape; False also where that is not known."""
    if sys.byteorder != "little" or texts.null_count() or texts.dtype != pl.String:
        return False
    return all(_seen(chunk, shape) for chunk in texts.get_chunks())


def _seen(texts: pl.Series, shape: str) -> bool:
    array = texts.to_arrow(compat_level=pl.CompatLevel.newest())
    views = array.buffers()[1]
    if str(array.type) != "string_view" or views is None:
        return False
    words = np.frombuffer(views, np.uint64).reshape(-1, 2)[array.offset : array.offset + len(array)]
    for start in range(0, len(words), AT_ONCE):
        part = words[start : start + AT_ONCE]
        for word, (mask, expected, six) in enumerate(_template(shape)):
            value = part[:, word]
            # A digit's byte, 0x30 to 0x39, has 3 as its high half, also with six added; no sum leaves its byte.
            if ((value & mask) != expected).any() or (((value + six) & mask) != expected).any():
                return False
    return True


@cache
def _template(shape: str) -> list[tuple[np.uint64, np.uint64, np.uint64]]:
    """For each of a view's two words: which bits count, what they must be, and the sixes of the digits."""
    padding = bytes(INLINE - len(shape))
    masks = b"\xff" * 4 + bytes(0xF0 if c == "#" else 0xFF for c in shape) + padding
    expected = len(shape).to_bytes(4, "little") + bytes(0x30 if c == "#" else ord(c) for c in shape) + padding
    six = bytes(4) + bytes(6 if c == "#" else 0 for c in shape) + padding
    words = [np.frombuffer(part, np.uint64) for part in (masks, expected, six)]
    return [(words[0][n], words[1][n], words[2][n]) for n in (0, 1)]
