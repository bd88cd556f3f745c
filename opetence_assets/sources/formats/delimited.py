"""CSV: every line as wide as the header, every quote closed where a field ends, or the file is refused.

The parser itself would join two lines over a quote that nobody closed, and glue on what stands after one that was.
"""

from __future__ import annotations

import csv
import mmap
import os
import re
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

from opetence_assets.sources.formats.encodings import as_utf8
from opetence_assets.sources.formats.landing import Landing
from opetence_assets.sources.formats.specs import Delimited, Refused, headed

DELIMITERS = (",", ";", "\t", "|")
_MARK = "\ufeff".encode()
_LONGEST_HEADER = 64 * 2**10  # bytes


def read_delimited(path: Path, spec: Delimited, landing: Landing, scratch: Path) -> None:
    """Lands all values as text; an empty field is an empty string when quoted and null when not, which is how exports
    tell the two apart.

    Raises:
        Refused: the file is not as declared, or damaged.
    """
    if not path.stat().st_size:
        raise Refused("is empty")
    text, start = as_utf8(path, spec.encoding, scratch)
    if text.stat().st_size == start:
        raise Refused("is empty")
    if not spec.closed:
        text = _closed(text, scratch)
    with text.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        _refuse_damage(content, spec)
        spec, columns, body = _header(content, start, spec)
        _refuse_open_quotes(content, body, spec)
    _land(text, body, spec, columns, landing)


def _closed(text: Path, scratch: Path) -> Path:
    """The text with an end to its last line, without which the parser takes an empty last field for an empty text."""
    with text.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) in (b"\n", b"\r"):
            return text
    copy = scratch / "closed"
    shutil.copyfile(text, copy)
    with copy.open("ab") as file:
        file.write(b"\n")
    return copy


def _refuse_damage(content: mmap.mmap, spec: Delimited) -> None:
    if spec.closed and content[-1:] not in (b"\n", b"\r"):
        raise Refused("does not end with a line end: it was cut off")
    if content.find(b"\x00") >= 0:
        raise Refused("contains NUL bytes")
    if any(content.find(end + _MARK) >= 0 for end in (b"\n", b"\r")):
        raise Refused("has a byte order mark at the start of a later line: files were joined")


def _header(content: mmap.mmap, start: int, spec: Delimited) -> tuple[Delimited, list[str], int]:
    """The dialect with its delimiter, the declared columns in the file's order, and where the first row begins."""
    line = re.match(rb"([^\r\n]*)(?:\r\n?|\n)?", content[start : start + _LONGEST_HEADER])
    assert line is not None  # it may be empty
    try:
        text = line[1].decode()
    except UnicodeDecodeError:
        raise Refused("is not utf-8") from None
    if text.count(spec.quote) % 2 and spec.escape is None:
        raise Refused("has a header with an unbalanced quote")
    candidates = (spec.delimiter,) if spec.delimiter else DELIMITERS
    complaint: Refused | None = None
    for delimiter in candidates:
        names = next(csv.reader([text], delimiter=delimiter, quotechar=spec.quote, escapechar=spec.escape), [])
        try:
            return replace(spec, delimiter=delimiter), _with_ignored(names, spec), start + line.end()
        except Refused as refusal:
            complaint = complaint or refusal
    raise complaint or Refused("has no header")


def _with_ignored(names: list[str], spec: Delimited) -> list[str]:
    ignored = {name.casefold(): name for name in spec.ignored}
    return [ignored.get(name.casefold(), name) for name in headed(names, spec.columns)]


@cache
def _closed_quotes(quote: str, delimiter: str, escape: str | None) -> re.Pattern[bytes]:
    """All of a well-formed file's lines; what follows the match is where it goes wrong.

    A quote opens a field where the field begins; elsewhere, in a field that did not begin with one, it is a character
    like others.
    """
    q, d, e = (re.escape(c) if c else "" for c in (quote, delimiter, escape or ""))
    if not e:
        quoted = rf"(?<=[{d}\r\n]){q}(?:[^{q}]++|{q}{q})*+{q}(?=[{d}\r\n]|\Z)"
        return re.compile(rf"(?>[^{q}]++|{quoted}|(?<![{d}\r\n]){q}[^{d}\r\n]*+)*+".encode())
    inside = rf"[^{q}{e}]++|{q}{q}|{e}[\s\S]"
    plain = rf"(?:[^{q}{d}\r\n{e}]|{e}[^\r\n])(?:[^{d}\r\n{e}]++|{e}[^\r\n])*+"
    return re.compile(rf"(?>(?:{q}(?:{inside})*+{q}|{plain})?+(?:{d}|\r\n?|\n|\Z))*+".encode())


def _refuse_open_quotes(content: mmap.mmap, body: int, spec: Delimited) -> None:
    if all(content.find(c.encode(), body) < 0 for c in (spec.quote, spec.escape or "") if c):
        return
    whole = _closed_quotes(spec.quote, spec.delimiter or ",", spec.escape).match(content, body)
    if whole is None or whole.end() != len(content):
        at = content[: whole.end() if whole else body].count(b"\n") + 1
        raise Refused(f"has a quote that is not closed at the end of its field, near line {at:,}")


def _land(text: Path, body: int, spec: Delimited, columns: list[str], landing: Landing) -> None:
    import pyarrow as pa
    from pyarrow import csv as arrow

    size = text.stat().st_size - body
    read = arrow.ReadOptions(
        use_threads=False, column_names=columns, block_size=min(max(size, 2**20), 4 * landing.limits.cell)
    )
    parse = arrow.ParseOptions(
        delimiter=spec.delimiter or ",",
        quote_char=spec.quote,
        escape_char=spec.escape or False,
        newlines_in_values=True,
        ignore_empty_lines=len(columns) > 1,
    )
    convert = arrow.ConvertOptions(
        column_types=dict.fromkeys(columns, pa.string()),
        include_columns=[name for name in columns if name not in spec.ignored],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
    )
    with pa.memory_map(str(text)) as whole:
        rows = whole.read_buffer().slice(body)
        try:
            if not rows.size or (rows.size < 2**10 and not rows.to_pybytes().strip(b"\r\n")):  # a header only
                return landing.write_columns(
                    pa.table({name: pa.array([], pa.string()) for name in columns}), spec.columns
                )
            for batch in arrow.open_csv(pa.BufferReader(rows), read, parse, convert):
                landing.write_columns(pa.Table.from_batches([batch]), spec.columns)
        except pa.ArrowInvalid as error:
            raise Refused(_ragged(error, landing)) from None


def _ragged(error: Exception, landing: Landing) -> str:
    """The parser's complaint without the row it quotes."""
    found = re.search(r"(?:Row #(\d+): )?Expected (\d+) columns, got (\d+)", str(error))
    if found:
        return f"is ragged: {f'row {found[1]}' if found[1] else 'a row'} has {found[3]} fields, not {found[2]}"
    if "utf8" in str(error).lower():
        return "is not utf-8"
    if "straddl" in str(error) or "block" in str(error):
        return f"has a line longer than {4 * landing.limits.cell:,} bytes"
    return "cannot be parsed as CSV"
