"""What a partner's file is declared to be: plain data that crosses to the reading process as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

UNDECLARED = "undeclared"  # the column with what a row has beside the declared columns, as JSON
PACKED = (".gz", ".zip")  # each around any of the formats


class Refused(Exception):
    """Why a file cannot be taken; never quotes its content."""


@dataclass(frozen=True)
class Delimited:
    """CSV and its relatives.

    Attributes:
        columns: the header, whatever its order and case.
        delimiter: None finds it: the one of ``, ; tab |`` under which the header is the declared one.
        encoding: None finds what can be proven: a byte order mark, or UTF-8.
        escape: a character that takes the next one literally, where quotes are not doubled.
        closed: whether a file without a last line end counts as cut off.
        ignored: columns that the header has too and nobody reads.
    """

    columns: tuple[str, ...]
    delimiter: str | None = ","
    encoding: str | None = "utf-8"
    quote: str = '"'
    escape: str | None = None
    closed: bool = True
    ignored: tuple[str, ...] = ()
    kind: ClassVar[str] = "csv"
    suffixes: ClassVar[tuple[str, ...]] = (".csv",)

    @property
    def said(self) -> str:
        delimiter = (self.delimiter or ",").replace("\t", "⇥")
        return f"{self.encoding or 'utf-8 or utf-16'} CSV with header {delimiter.join(self.columns)}"


@dataclass(frozen=True)
class JsonLines:
    """One JSON object a line; ``fields`` are column → dotted path, ``ignored`` is known and left out."""

    fields: Mapping[str, str]
    ignored: tuple[str, ...] = ()
    kind: ClassVar[str] = "jsonl"
    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.fields)

    @property
    def said(self) -> str:
        return "one JSON object a line"


@dataclass(frozen=True)
class JsonDocument:
    """One JSON document: an array of records, or an object that holds it at the dotted path ``records``."""

    fields: Mapping[str, str]
    records: str = ""
    ignored: tuple[str, ...] = ()
    kind: ClassVar[str] = "json"
    suffixes: ClassVar[tuple[str, ...]] = (".json",)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.fields)

    @property
    def said(self) -> str:
        return f"a JSON document with an array of objects {f'at {self.records}' if self.records else 'at its top'}"


@dataclass(frozen=True)
class Columnar:
    """Parquet whose columns have these Arrow types (``int64``, ``date32``, ``string``, ``decimal128(12, 2)`` …)."""

    types: Mapping[str, str]
    kind: ClassVar[str] = "parquet"
    suffixes: ClassVar[tuple[str, ...]] = (".parquet",)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.types)

    @property
    def said(self) -> str:
        return f"Parquet with {', '.join(f'{name} {kind}' for name, kind in self.types.items())}"


@dataclass(frozen=True)
class Workbook:
    """One sheet of an Excel workbook: by name, or the first; the header is its first row."""

    columns: tuple[str, ...]
    sheet: str | None = None
    kind: ClassVar[str] = "excel"
    suffixes: ClassVar[tuple[str, ...]] = (".xlsx",)

    @property
    def said(self) -> str:
        return f"an Excel workbook with header {', '.join(self.columns)}"


Spec = Delimited | JsonLines | JsonDocument | Columnar | Workbook
_SPECS: Mapping[str, type[Spec]] = {s.kind: s for s in (Delimited, JsonLines, JsonDocument, Columnar, Workbook)}


@dataclass(frozen=True)
class Task:
    """One file to read: where it is, what it is called, what it must be, and where its rows go (Arrow IPC stream)."""

    path: str
    name: str
    spec: Spec
    into: str
    packed: tuple[str, ...] = field(default=())  # .gz or .zip, outermost first

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "kind": self.spec.kind}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Task:
        spec: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in told["spec"].items()}
        declared: Any = _SPECS[told["kind"]]
        return cls(told["path"], told["name"], declared(**spec), told["into"], tuple(told["packed"]))


def headed(found: list[str], declared: tuple[str, ...]) -> list[str]:
    """The columns in the order of a header: the declared ones, whose names may differ in case and blanks around them,
    by their declared names, and others by their own.

    Raises:
        Refused: a declared column is missing, or one is there twice or has no name.
    """
    exact = set(declared) <= set(found)
    wanted = {name if exact else name.strip().casefold(): name for name in declared}
    names = [wanted.get(name if exact else name.strip().casefold(), name.strip()) for name in found]
    if not set(declared) <= set(names) or len(set(names)) != len(names) or "" in names or UNDECLARED in names:
        raise Refused(f"has the header {', '.join(name[:40] for name in found[:40])}")
    return names
