"""JSON, a document or a record a line; numbers keep their digits, a key that is there twice is an error."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn, cast

from opetence_assets.sources.formats.encodings import as_utf8
from opetence_assets.sources.formats.landing import Landing
from opetence_assets.sources.formats.specs import JsonDocument, JsonLines, Refused
from opetence_assets.sources.records import Noticed, Shape, broken, tabled, value_at

BATCH = 10_000  # records
BROKEN_AT_MOST = 0.01  # of the lines: above that the file is another thing, not one with damaged lines


class _Broken(ValueError):
    """Why a record cannot be read; never quotes it."""


def read_lines(path: Path, spec: JsonLines, landing: Landing, scratch: Path) -> None:
    """Lands a row a line. A line that cannot be read lands as such where the rest of the file can.

    Raises:
        Refused: empty, cut off, not UTF-8 or UTF-16, or too many lines that cannot be read.
    """
    lines = _Lines(Shape(spec.fields, tuple(spec.ignored)), landing)
    text, start = as_utf8(path, None, scratch)
    with text.open("rb") as file:
        file.seek(start)
        number, last = 0, b"\n"
        while line := file.readline(landing.limits.cell + 1):
            number, last = number + 1, line
            if len(line) > landing.limits.cell:
                raise Refused(f"has a record longer than {landing.limits.cell:,} bytes in line {number:,}")
            if line.strip():
                lines.take(number, line)
    if not lines.good + lines.bad:
        raise Refused("is empty")
    if not last.endswith(b"\n") and lines.last_is_bad:
        raise Refused("is cut off: its last line is no whole record")
    if lines.bad > max(1, BROKEN_AT_MOST * (lines.good + lines.bad)) or not lines.good:
        raise Refused(f"has {lines.bad:,} of {lines.good + lines.bad:,} lines that cannot be read ({lines.why})")
    lines.flush()
    landing.undeclared |= lines.noticed.undeclared


def read_document(path: Path, spec: JsonDocument, landing: Landing, scratch: Path) -> None:
    """Lands a row a record of one document; anything wrong with it refuses it whole."""
    text, start = as_utf8(path, None, scratch)
    with text.open("rb") as file:
        file.seek(start)
        try:
            found = _parsed(file.read())
        except _Broken as error:
            raise Refused(str(error)) from None
    records = value_at({"": found}, ("", *spec.records.split("."))) if spec.records else found
    if not isinstance(records, list):
        raise Refused(f"has no array of records {f'at {spec.records}' if spec.records else 'at its top'}")
    lines = _Lines(Shape(spec.fields, tuple(spec.ignored)), landing)
    for number, record in enumerate(cast("list[Any]", records), 1):
        if not isinstance(record, dict):
            raise Refused(f"has a record that is no object (number {number:,})")
        lines.add(number, cast("dict[str, Any]", record))
    lines.flush()
    landing.undeclared |= lines.noticed.undeclared


@dataclass
class _Lines:
    """Records on their way; grows while lines are read and is emptied batch by batch."""

    shape: Shape
    landing: Landing
    noticed: Noticed = field(default_factory=Noticed)
    records: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    numbers: list[int] = field(default_factory=list[int])
    unreadable: list[tuple[int, str, str]] = field(default_factory=list[tuple[int, str, str]])  # line, text, reason
    good: int = 0
    bad: int = 0
    last_is_bad: bool = False
    why: str = ""  # of the first that could not be read

    def take(self, number: int, line: bytes) -> None:
        try:
            record = _parsed(line)
            if not isinstance(record, dict):
                raise _Broken("is no JSON object")
        except _Broken as error:
            self.bad, self.last_is_bad, self.why = self.bad + 1, True, self.why or str(error)
            self.unreadable.append((number, line.decode("utf-8", "backslashreplace"), str(error)))
            return
        self.last_is_bad = False
        self.add(number, cast("dict[str, Any]", record))

    def add(self, number: int, record: Mapping[str, Any]) -> None:
        self.good += 1
        self.records.append(record)
        self.numbers.append(number)
        if len(self.records) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Lands what is held, in the order of the file."""
        import pyarrow as pa

        tables = [tabled(self.records, self.shape, self.noticed)]
        tables += [broken([text], reason, self.shape) for _, text, reason in self.unreadable]
        numbers = [*self.numbers, *(number for number, *_ in self.unreadable)]
        order = sorted(range(len(numbers)), key=numbers.__getitem__)
        table = pa.concat_tables(tables)
        if self.unreadable:
            table = table.take(pa.array(order))
        self.landing.write(table, pa.array(sorted(numbers), pa.int32()))
        self.records, self.numbers, self.unreadable = [], [], []


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(
            text.decode(), parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=_without_repeats
        )
    except UnicodeDecodeError:
        raise _Broken("is not utf-8") from None
    except RecursionError:
        raise _Broken("is nested too deep") from None
    except _Broken:
        raise
    except ValueError:  # of the parser; Python refuses integers of more than 4,300 digits with it too
        raise _Broken("is no valid JSON") from None


def _no_number(name: str) -> NoReturn:
    raise _Broken(f"has {name}, which JSON has no number for")


def _without_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Broken("has a key twice in one object")
    return found
