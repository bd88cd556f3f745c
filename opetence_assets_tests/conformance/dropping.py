"""A drop folder under test: files of three things each, in whatever format a rig writes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

from opetence_assets_tests.conformance.rig import Place, Rig, Row

SINCE = date(2026, 1, 1)
A_FILE = 3  # things
Record = dict[str, Any]
Write = Callable[[Sequence[Record]], bytes]


@dataclass
class Dropping:
    """The folder, and what was put into it last."""

    folder: Path
    suffix: str
    write: Write
    count: int = 0
    last: list[Path] = field(default_factory=list[Path])

    def put(self, records: Sequence[Record]) -> None:
        """Whole files under new names: a file of a day for every few records of it."""
        by_day = groupby(sorted(records, key=lambda record: record["at"][:10]), key=lambda record: record["at"][:10])
        for day, of_day in by_day:
            of_this = list(of_day)
            for start in range(0, len(of_this), A_FILE):
                self.drop(day, self.write(of_this[start : start + A_FILE]))

    def drop(self, day: str, content: bytes) -> None:
        self.count += 1
        path = self.folder / f"things_{day}_v{self.count}{self.suffix}"
        waiting = path.with_name(f".{path.name}")
        waiting.write_bytes(content)
        os.replace(waiting, path)
        self.last.append(path)

    def repeat(self) -> None:
        """The content of a file again, under another name."""
        self.drop(self.last[0].name[7:17], self.last[0].read_bytes())


def record_of(row: Row) -> Record:
    return {"id": row.id, "amount": row.amount, "note": row.note, "at": row.at.isoformat()}


def drifted(put: Callable[[Sequence[Record]], None]) -> Callable[[str, Sequence[Row]], None]:
    """Puts records that say more, less or something else than declared."""
    change: Mapping[str, Callable[[Record], Record]] = {
        "added": lambda record: {**record, "nickname": "Bunny"},
        "removed": lambda record: {name: value for name, value in record.items() if name != "note"},
        "retyped": lambda record: {**record, "amount": "many"},
    }
    return lambda kind, rows: put([change[kind](record_of(row)) for row in rows])


@contextmanager
def dropped_into(
    place: Place, suffix: str, write: Write, poison: Callable[[Dropping], None] | None = None, **more: Any
) -> Iterator[Rig]:
    """A rig over files that ``write`` makes."""
    folder = place.folder / "drop" / "things"
    folder.mkdir(parents=True)
    dropping = Dropping(folder, suffix, write)
    yield Rig(
        variables={},
        put=lambda rows: dropping.put([record_of(row) for row in rows]),
        repeat_page=dropping.repeat,
        drifted=drifted(dropping.put),
        poison=(lambda: poison(dropping)) if poison else None,
        drop=place.folder / "drop",
        **more,
    )
