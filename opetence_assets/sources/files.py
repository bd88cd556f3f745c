"""Files that partners drop: taken once by content, whole or not at all, parsed where they can do no harm."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict, Unpack

import polars as pl

from opetence_assets.dataset import DataError, Dataset, Extract, Extraction, Facts
from opetence_assets.sources.drops import Drop, Dropped, drop_of
from opetence_assets.sources.formats.landing import FILE, LINE
from opetence_assets.sources.formats.specs import (
    Columnar,
    Delimited,
    JsonDocument,
    JsonLines,
    Refused,
    Spec,
    Workbook,
)
from opetence_assets.sources.limits import Limits
from opetence_assets.sources.parsing import Parsed, Reader, is_named_for, limited_to

if TYPE_CHECKING:
    import pyarrow

    from opetence_assets.settings import Settings

_NO_LATER = 100  # corrections a day has at most
_AHEAD = 2  # files parsed before their rows are asked for


class Arriving(TypedDict):
    """What files of all formats are declared with.

    ``since`` is the first day a file may be of; ``limits`` what reading one may cost; ``corrections`` what a later file
    of a day does: win by key, or replace all rows of its day (then ``Deletes.RESTATED``, and the day is in the key).
    """

    since: date
    limits: NotRequired[Limits]
    corrections: NotRequired[Literal["by_key", "replace_day"]]


@dataclass(frozen=True)
class DropFolder:
    """A system whose datasets arrive as files in ``<drop>/<dataset>/``, a folder or a prefix of a bucket."""

    system: str

    def csv(
        self,
        name: str,
        columns: tuple[str, ...],
        *,
        delimiter: str | None = ",",
        encoding: str | None = "utf-8",
        quote: str = '"',
        escape: str | None = None,
        **arriving: Unpack[Arriving],
    ) -> Files:
        return Files(self.system, name, Delimited(columns, delimiter, encoding, quote, escape), **arriving)

    def json_lines(
        self, name: str, fields: Mapping[str, str], *, ignored: tuple[str, ...] = (), **arriving: Unpack[Arriving]
    ) -> Files:
        return Files(self.system, name, JsonLines(fields, ignored), **arriving)

    def json(
        self,
        name: str,
        fields: Mapping[str, str],
        *,
        records: str = "",
        ignored: tuple[str, ...] = (),
        **arriving: Unpack[Arriving],
    ) -> Files:
        return Files(self.system, name, JsonDocument(fields, records, ignored), **arriving)

    def parquet(self, name: str, types: Mapping[str, str], **arriving: Unpack[Arriving]) -> Files:
        return Files(self.system, name, Columnar(types), **arriving)

    def excel(
        self, name: str, columns: tuple[str, ...], *, sheet: str | None = None, **arriving: Unpack[Arriving]
    ) -> Files:
        return Files(self.system, name, Workbook(columns, sheet), **arriving)


@dataclass(frozen=True)
class Files:
    """Daily files ``<name>_<YYYY-MM-DD>[_vN].<suffix>[.gz|.zip]``; values land as text, as received."""

    system: str
    name: str
    spec: Spec
    since: date | None  # the first day a file may be of
    limits: Limits = Limits()  # noqa: RUF009 (frozen)
    corrections: Literal["by_key", "replace_day"] = "by_key"

    @property
    def kind(self) -> str:
        return self.spec.kind

    @property
    def columns(self) -> tuple[str, ...]:
        return self.spec.columns

    def extract(self, request: Extract, settings: Settings) -> Extraction:
        """Opens every file not yet taken (of the window's days, if one is given), in the order of days and versions."""
        drop = drop_of(self.system, self.name, settings)
        read = _Read(self, request, drop, Reader(settings.scratch, self.limits))
        files = [file for file in drop.listed() if _of_window(file, request)]
        files.sort(key=lambda file: (file.day or date.min, file.version, file.name))
        if self.corrections == "replace_day":
            return _replacing(read, files)
        return Extraction(_tables(read, files), read.facts, read.reader.close, rereads=pl.lit(False))

    def fingerprint(self, dataset: Dataset, settings: Settings) -> str:
        """Changes whenever a file appears, is replaced or goes, whatever its name."""
        listed = [(file.name, file.state) for file in drop_of(self.system, self.name, settings).listed()]
        return hashlib.sha256(repr(listed).encode()).hexdigest()

    def waiting_by_day(self, settings: Settings) -> dict[str, str]:
        """The days there are files of, each with what changes when one of its files does."""
        days: dict[str, list[str]] = {}
        for file in drop_of(self.system, self.name, settings).listed():
            if file.day:
                days.setdefault(file.day.isoformat(), []).append(f"{file.name} {file.state}")
        return {day: hashlib.sha256("\n".join(files).encode()).hexdigest()[:16] for day, files in days.items()}

    def untaken_days(self, settings: Settings, taken: Callable[[str], bool]) -> list[date]:
        """The days of files whose content was not taken yet, sorted; today stands for a file without a day."""
        drop = drop_of(self.system, self.name, settings)
        untaken = (file for file in drop.listed() if not self._is_taken(drop, file, taken))
        return sorted({file.day or datetime.now(UTC).date() for file in untaken})

    def _is_taken(self, drop: Drop, file: Dropped, taken: Callable[[str], bool]) -> bool:
        if file.complaint or file.size > self.limits.size:
            return False
        seen = drop.seen(file)
        if seen is not None:
            return taken(seen)
        try:
            identity = drop.identity(file)
        except Refused:  # it is being written: a load will say so
            return False
        return identity is not None and taken(identity)


@dataclass
class _Read:
    """A read under way: grows while its tables are consumed."""

    feed: Files
    request: Extract
    drop: Drop
    reader: Reader
    rows: int = 0
    taken: list[str] = field(default_factory=list[str])
    refused: list[str] = field(default_factory=list[str])
    undeclared: set[str] = field(default_factory=set[str])

    def facts(self) -> Facts:
        return Facts(self.rows, None, None, tuple(self.taken), tuple(self.refused), tuple(sorted(self.undeclared)))

    def parsed(self, file: Dropped) -> Parsed | None:
        """A file's rows; None if it was taken before or is refused."""
        try:
            return self._parsed(file)
        except Refused as refusal:
            self.refused.append(f"{file.name}: {refusal}")
            return None

    def _parsed(self, file: Dropped) -> Parsed | None:
        seen = self.drop.seen(file)
        if seen is not None and self.request.taken(seen):
            return None
        _refuse_named(self.feed, file)
        largest = self.feed.limits.size
        with self.drop.opened(file, self.reader.scratch, largest) as (path, identity):
            known = self.request.taken(identity) or identity in self.taken
            parsed = None if known else self.reader.parsed(path, file.name, self.feed.spec)
        self.taken += [*([] if known else [identity]), *([seen] if seen else [])]
        if parsed is not None:
            self.undeclared |= set(parsed.undeclared)
        return parsed

    def refuse_nothing_but_refusals(self) -> None:
        if self.refused and not self.taken:
            raise DataError(
                self.request.dataset.name,
                found=f"{len(self.refused)} files that cannot be read ({'; '.join(self.refused[:5])})",
                allowed=self.feed.spec.said,
                next_command="ask the partner for the file again, or remove it from the drop folder",
            )


def _of_window(file: Dropped, request: Extract) -> bool:
    window, day = request.window, file.day
    # A file without a day belongs to no window: it is always looked at, so that it is refused by name.
    return window is None or day is None or window.start.date() <= day < window.end.date()


def _refuse_named(feed: Files, file: Dropped) -> None:
    if file.complaint:
        raise Refused(file.complaint)
    if not is_named_for(file.name, feed.spec):
        suffix = "".join(file.name.partition(".")[1:]) or "without suffix"
        raise Refused(f"is {suffix}; only {limited_to(feed.spec.suffixes)} is read")
    if file.day is None:
        raise Refused(f"has no day in its name (expected NAME_YYYY-MM-DD{feed.spec.suffixes[0]})")
    if not file.size:
        raise Refused("is empty")


def _tables(read: _Read, files: Sequence[Dropped]) -> Iterator[pyarrow.Table]:
    landed = False
    for parsed in _ahead(read.parsed, files):
        if parsed is not None:
            read.rows += parsed.rows
            landed = True
            yield from parsed.batches()
    read.refuse_nothing_but_refusals()
    if read.taken and not landed:  # what was taken is noted even where it brought no row
        yield _nothing(read.feed)


def _ahead(parsed: Callable[[Dropped], Parsed | None], files: Sequence[Dropped]) -> Iterator[Parsed | None]:
    """The files in their order; while the rows of one go on, the next is parsed."""
    with ThreadPoolExecutor(max_workers=1) as one:
        coming = deque[Future[Parsed | None]]()
        for file in files:
            coming.append(one.submit(parsed, file))
            if len(coming) > _AHEAD:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def _replacing(read: _Read, files: Sequence[Dropped]) -> Extraction:
    """All files are parsed before the first row goes on: which days are restated must be known to be right by then."""
    newest: dict[date, Parsed | None] = {}
    for file in files:  # of one day the versions ascend
        day, parsed = file.day, read.parsed(file)
        if parsed is None or day is None:
            continue
        if superseded := newest.get(day):
            superseded.discard()
        later = range(file.version + 1, _NO_LATER)
        if any(read.request.taken(_delivery(day, version)) for version in later):
            parsed.discard()  # it comes after its own correction
            continue
        newest[day] = parsed
        read.taken.append(_delivery(day, file.version))
    read.refuse_nothing_but_refusals()
    of_day = pl.col(FILE).str.extract(r"_(\d{4}-\d{2}-\d{2})(?:_v\d+)?\.[A-Za-z.]+$", 1)
    restated = of_day.is_in([day.isoformat() for day in newest])
    return Extraction(_kept(read, newest), read.facts, read.reader.close, rereads=restated)


def _kept(read: _Read, newest: Mapping[date, Parsed | None]) -> Iterator[pyarrow.Table]:
    for parsed in newest.values():
        if parsed is not None:
            read.rows += parsed.rows
            yield from parsed.batches()
    if read.taken and not newest:
        yield _nothing(read.feed)


def _delivery(day: date, version: int) -> str:
    return f"day:{day}:{version}"


def _nothing(feed: Files) -> pyarrow.Table:
    """No rows, of the schema that files of this feed land with."""
    import pyarrow as pa

    from opetence_assets.sources.records import Shape, tabled

    match feed.spec:
        case JsonLines(fields) | JsonDocument(fields):
            table = tabled([], Shape(fields))
        case _:
            table = pa.table({name: pa.array([], pa.string()) for name in feed.columns})
    return table.append_column(FILE, pa.array([], pa.string())).append_column(LINE, pa.array([], pa.int32()))
