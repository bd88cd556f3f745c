"""CSV files that partners drop into a folder: taken once by content, refused whole or taken whole."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from opetence_assets.dataset import DataError, Dataset, Extract, Extraction, Facts

if TYPE_CHECKING:
    import pyarrow

    from opetence_assets.settings import Settings

_DAY = re.compile(r"_(\d{4}-\d{2}-\d{2})(?:_v\d+)?$")
FILE, LINE = "_file", "_line"  # the source position of a row


@dataclass(frozen=True)
class DropFolder:
    """A system whose datasets arrive as files in ``<drop>/<dataset>/``."""

    system: str

    def csv(
        self,
        name: str,
        columns: tuple[str, ...],
        *,
        since: date,
        delimiter: str = ",",
        encoding: str = "utf-8",
        largest: int = 2 * 2**30,
    ) -> CsvFiles:
        return CsvFiles(self.system, name, columns, since, delimiter, encoding, largest)


@dataclass(frozen=True)
class CsvFiles:
    """Daily files ``<name>_<YYYY-MM-DD>[_vN].csv`` with a header of ``columns``; values land as text, as received.

    A later file wins over an earlier one for the same key: corrections are sent as ``_v2`` and so on.
    """

    system: str
    name: str
    columns: tuple[str, ...]
    since: date | None  # the first day a file may be of
    delimiter: str
    encoding: str
    largest: int  # bytes
    kind: str = "csv"

    def extract(self, request: Extract, settings: Settings) -> Extraction:
        """Opens every file not yet taken (of the window's days, if one is given), in the order of their names."""
        read = _Read(self, request)
        paths = list(self.waiting(settings, request))
        return Extraction(
            batches=_tables(read, paths),
            facts=lambda: Facts(read.rows, None, None, tuple(read.taken), tuple(read.refused)),
            close=lambda: None,
        )

    def waiting(self, settings: Settings, request: Extract | None = None) -> Iterator[Path]:
        """The files in the folder, sorted; of the request's window only, if it has one."""
        folder = settings.drop / self.name
        if folder.is_symlink():
            raise DataError(
                f"{self.system}/{self.name}",
                found=f"a symbolic link at {folder}",
                allowed="a real folder inside the drop folder",
                next_command=f"rm {folder} && mkdir {folder}",
            )
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.name.startswith(".") or path.is_dir():
                continue
            day = day_of(path)
            window = request.window if request else None
            # A file without a day belongs to no window: it is always looked at, so that it is refused by name.
            if window is None or day is None or window.start.date() <= day < window.end.date():
                yield path

    def fingerprint(self, dataset: Dataset, settings: Settings) -> str:
        """Changes whenever a file appears or is replaced."""
        return hashlib.sha256(repr(sorted(self.waiting_by_day(settings).items())).encode()).hexdigest()

    def waiting_by_day(self, settings: Settings) -> dict[str, str]:
        """The days there are files of, each with what changes when one of its files does."""
        days: dict[str, list[str]] = {}
        for path in self.waiting(settings):
            stat, day = path.lstat(), day_of(path)
            if day:
                days.setdefault(day.isoformat(), []).append(f"{path.name} {stat.st_size} {stat.st_mtime_ns}")
        return {day: hashlib.sha256("\n".join(files).encode()).hexdigest()[:16] for day, files in days.items()}

    def untaken_days(self, settings: Settings, taken: Callable[[str], bool]) -> list[date]:
        """The days of files whose content was not taken yet, sorted; today stands for a file without a day."""
        days: set[date] = set()
        for path in self.waiting(settings):
            if path.is_symlink() or not taken(hashlib.sha256(path.read_bytes()).hexdigest()):
                days.add(day_of(path) or datetime.now(UTC).date())
        return sorted(days)


@dataclass
class _Read:
    """A read under way: grows while its tables are consumed."""

    feed: CsvFiles
    request: Extract
    rows: int = 0
    taken: list[str] = field(default_factory=list[str])
    refused: list[str] = field(default_factory=list[str])


class _Refused(Exception):
    """Why a file cannot be taken; never quotes its content."""


def day_of(path: Path) -> date | None:
    """The day in a file's name; None if it has none."""
    found = _DAY.search(path.stem)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def _tables(read: _Read, paths: list[Path]) -> Iterator[pyarrow.Table]:
    for path in paths:
        try:
            content = _content(read.feed, path)
            identity = hashlib.sha256(content).hexdigest()
            if read.request.taken(identity) or identity in read.taken:
                continue
            table = _parsed(read.feed, path, content)
        except _Refused as refusal:
            read.refused.append(f"{path.name}: {refusal}")
            continue
        read.rows += len(table)
        read.taken.append(identity)
        yield table
    if read.refused and not read.taken:
        raise DataError(
            read.request.dataset.name,
            found=f"{len(read.refused)} files that cannot be read ({'; '.join(read.refused[:5])})",
            allowed=f"{read.feed.encoding} CSV with header {read.feed.delimiter.join(read.feed.columns)}",
            next_command="ask the partner for the file again, or remove it from the drop folder",
        )


def _content(feed: CsvFiles, path: Path) -> bytes:
    if path.is_symlink():
        raise _Refused("is a symbolic link; only files inside the drop folder are read")
    if path.suffix.lower() != ".csv":
        raise _Refused(f"is {path.suffix or 'without suffix'}; only .csv is read, archives are never unpacked")
    if day_of(path) is None:
        raise _Refused("has no day in its name (expected NAME_YYYY-MM-DD.csv)")
    size = path.stat().st_size
    if size > feed.largest:
        raise _Refused(f"has {size:,} bytes, more than the {feed.largest:,} allowed")
    content = path.read_bytes()
    if not content:
        raise _Refused("is empty")
    if not content.endswith((b"\n", b"\r")):
        raise _Refused("does not end with a line end: it was cut off")
    return content


def _parsed(feed: CsvFiles, path: Path, content: bytes) -> pyarrow.Table:
    """All columns as text, plus file name and line number.

    An empty field is an empty string when quoted and null when not, which is how exports tell the two apart.
    """
    import pyarrow as pa
    from pyarrow import csv

    if b"\x00" in content:
        raise _Refused("contains NUL bytes")
    try:
        table = csv.read_csv(
            pa.BufferReader(content),
            read_options=csv.ReadOptions(encoding=feed.encoding, block_size=max(len(content), 2**20)),
            parse_options=csv.ParseOptions(delimiter=feed.delimiter, newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(feed.columns, pa.string()),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=[""],
            ),
        )
    except UnicodeDecodeError as error:
        raise _Refused(f"is not {feed.encoding}: byte {error.start:,} cannot be decoded") from None
    except pa.ArrowInvalid as error:
        raise _Refused(_ragged(error)) from None
    if set(table.column_names) != set(feed.columns) or len(table.column_names) != len(feed.columns):
        raise _Refused(f"has the header {', '.join(table.column_names)}")
    return (
        table.select(list(feed.columns))
        .append_column(FILE, pa.repeat(path.name, len(table)))
        .append_column(LINE, pa.array(range(2, len(table) + 2), pa.int32()))
    )


def _ragged(error: Exception) -> str:
    """The parser's complaint without the row it quotes."""
    found = re.search(r"(?:Row #(\d+): )?Expected (\d+) columns, got (\d+)", str(error))
    if found:
        return f"is ragged: {f'row {found[1]}' if found[1] else 'a row'} has {found[3]} fields, not {found[2]}"
    if "UTF8" in str(error) or "utf8" in str(error).lower():
        return "is not utf-8"
    return "cannot be parsed as CSV"
