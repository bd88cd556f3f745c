"""A read of dropped files under way: which are taken, which are refused, and in what order their rows go on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from opetence_assets.dataset import DataError, Extract, Extraction, Facts
from opetence_assets.sources.drops import Drop, Dropped
from opetence_assets.sources.formats.landing import FILE, LINE
from opetence_assets.sources.formats.specs import UNDECLARED, JsonDocument, JsonLines, Refused
from opetence_assets.sources.parsing import Parsed, Reader, is_named_for, limited_to

if TYPE_CHECKING:
    import pyarrow

    from opetence_assets.sources.files import Files

_NO_LATER = 100  # corrections a day has at most
BATCH_ROWS = 50_000
_AHEAD = 2  # files parsed before their rows are asked for


@dataclass
class Reading:
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
        with self.drop.opened(file, self.reader.scratch, largest) as (path, content):
            identity = self.feed.known_as(file, content)
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


def tables(read: Reading, files: Sequence[Dropped]) -> Iterator[pyarrow.Table]:
    parsed = (parsed for parsed in _ahead(read.parsed, files) if parsed is not None)
    yield from _gathered(read, parsed)
    read.refuse_nothing_but_refusals()


def _gathered(read: Reading, files: Iterable[Parsed]) -> Iterator[pyarrow.Table]:
    """The rows of small files together: each table costs some milliseconds, however few rows it has."""
    import pyarrow as pa

    waiting: list[pyarrow.Table] = []
    landed = False
    for parsed in files:
        read.rows += parsed.rows
        for batch in parsed.batches():
            waiting.append(batch)
            if sum(map(len, waiting)) >= BATCH_ROWS:
                landed = True
                yield pa.concat_tables(waiting).combine_chunks()
                waiting.clear()
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()
    elif read.taken and not landed:  # what was taken is noted even where it brought no row
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


def replacing(read: Reading, files: Sequence[Dropped]) -> Extraction:
    """All files are parsed before the first row goes on: which days are restated must be known to be right by then."""
    newest: dict[date, Parsed] = {}
    with ExitStack() as on_failure:
        on_failure.callback(read.reader.close)
        for file in files:  # of one day the versions ascend
            day, parsed = file.day, read.parsed(file)
            if parsed is None or day is None:
                continue
            later = range(file.version + 1, _NO_LATER)
            if any(read.request.taken(_delivery(day, version)) for version in later):
                parsed.discard()  # it comes after its own correction
                continue
            if day in newest:
                newest[day].discard()
            newest[day] = parsed
            read.taken.append(_delivery(day, file.version))
        read.refuse_nothing_but_refusals()
        on_failure.pop_all()
    of_day = pl.col(FILE).str.extract(r"_(\d{4}-\d{2}-\d{2})(?:_v\d+)?(?:\.[A-Za-z]+)+$", 1)
    restated = of_day.is_in([day.isoformat() for day in newest])
    return Extraction(_gathered(read, newest.values()), read.facts, read.reader.close, rereads=restated)


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
            table = pa.table({name: pa.array([], pa.string()) for name in (*feed.columns, UNDECLARED)})
    return table.append_column(FILE, pa.array([], pa.string())).append_column(LINE, pa.array([], pa.int32()))
