"""Files that partners drop: taken once by content, whole or not at all, parsed where they can do no harm."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict, Unpack

import polars as pl

from opetence_assets.dataset import Dataset, Extract, Extraction
from opetence_assets.sources.drops import Drop, Dropped, drop_of
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
from opetence_assets.sources.parsing import Reader
from opetence_assets.sources.reading import Reading, replacing, tables

if TYPE_CHECKING:
    from opetence_assets.settings import Settings


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
        read = Reading(self, request, drop, Reader(settings.scratch, self.limits))
        files = [file for file in drop.listed() if _of_window(file, request)]
        files.sort(key=lambda file: (file.day or date.min, file.version, file.name))
        if self.corrections == "replace_day":
            return replacing(read, files)
        return Extraction(tables(read, files), read.facts, read.reader.close, rereads=pl.lit(False))

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
        return identity is not None and taken(self.known_as(file, identity))

    def known_as(self, file: Dropped, identity: str) -> str:
        """What a file is taken under: its content, and where a day is replaced, the delivery (a day may go back to what
        it was).
        """
        if self.corrections == "by_key":
            return identity
        return hashlib.sha256(f"{identity} {file.day} {file.version}".encode()).hexdigest()


def _of_window(file: Dropped, request: Extract) -> bool:
    window, day = request.window, file.day
    # A file without a day belongs to no window: it is always looked at, so that it is refused by name.
    return window is None or day is None or window.start.date() <= day < window.end.date()
