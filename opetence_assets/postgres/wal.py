"""What was received of production's log: segments by number, how far without a gap, and up to which moment.

wal/            pg_receivewal's own folder; the newest segment ends in .partial
earlier/        what was received before a gap in the log
received.json   the newest moment up to which every commit is here
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from opetence_assets.lake.durability import fsync_file, fsync_folder

RECEIVING, EARLIER, MARK = "wal", "earlier", "received.json"
PARTIAL = ".partial"
SEGMENT = re.compile(rf"([0-9A-F]{{8}})([0-9A-F]{{8}})([0-9A-F]{{8}})({re.escape(PARTIAL)})?")
HISTORY = re.compile(r"[0-9A-F]{8}\.history")
HALF = 32  # bits of the log's number and of the place in it


@dataclass(frozen=True)
class Segment:
    """A file of the log. ``number`` counts from the log's start, whatever the timeline."""

    path: Path
    timeline: int
    number: int
    is_partial: bool

    @property
    def name(self) -> str:
        """What PostgreSQL calls it once it is complete."""
        return self.path.name.removesuffix(PARTIAL)


@dataclass(frozen=True)
class Mark:
    """Everything committed up to ``at`` (the server's clock) lies before ``lsn`` and was received, durably."""

    at: datetime
    lsn: int
    system: int


def lsn_of(text: str) -> int:
    """A place in the log, in bytes from its start: ``0/7000028`` → 117440552."""
    high, _, low = text.partition("/")
    return (int(high, 16) << HALF) | int(low, 16)


def lsn_text(lsn: int) -> str:
    return f"{lsn >> HALF:X}/{lsn & 0xFFFFFFFF:X}"


def segment_of(path: Path, segment_bytes: int) -> Segment | None:
    """The segment that a file holds, by its name; None if it is none."""
    found = SEGMENT.fullmatch(path.name)
    if found is None:
        return None
    per_log = (1 << HALF) // segment_bytes
    number = int(found[2], 16) * per_log + int(found[3], 16)
    return Segment(path, int(found[1], 16), number, found[4] is not None)


def segments(folder: Path, segment_bytes: int) -> list[Segment]:
    """Every segment received, each once: the complete file where there are both."""
    by_name = dict[str, Segment]()
    for segment in sorted(_found(folder, segment_bytes), key=lambda s: not s.is_partial):
        by_name.setdefault(segment.name, segment)
    return sorted(by_name.values(), key=lambda s: (s.number, s.timeline))


def histories(folder: Path) -> list[Path]:
    """The files that say where each timeline began."""
    return [path for path in _files(folder) if HISTORY.fullmatch(path.name)]


def last_without_gap(found: Iterable[Segment], first: int) -> int:
    """The last segment's number that is reached from ``first`` without a missing one; ``first - 1`` if it is missing.

    A partial segment with a later one of its timeline is a gap too: the rest of it never came.
    """
    numbers = dict[int, list[Segment]]()
    for segment in found:
        numbers.setdefault(segment.number, []).append(segment)
    last = first - 1
    while last + 1 in numbers:
        last += 1
        if all(segment.is_partial for segment in numbers[last]) and not _switched(numbers, last):
            break
    return last


def _switched(numbers: dict[int, list[Segment]], number: int) -> bool:
    """Whether the log goes on in a later timeline, which began in this segment."""
    timeline = max(segment.timeline for segment in numbers[number])
    return any(segment.timeline > timeline for segment in numbers.get(number + 1, ()))


def _found(folder: Path, segment_bytes: int) -> list[Segment]:
    return [segment for path in _files(folder) if (segment := segment_of(path, segment_bytes))]


def _files(folder: Path) -> list[Path]:
    return [path for name in (EARLIER, RECEIVING) if (folder / name).is_dir() for path in (folder / name).iterdir()]


def read_mark(folder: Path) -> Mark | None:
    """The newest moment up to which everything was received; None before the first."""
    try:
        return mark_of(json.loads((folder / MARK).read_bytes()))
    except FileNotFoundError:
        return None


def write_mark(folder: Path, mark: Mark) -> None:
    """Replaces the mark, whole and durable."""
    put_json(folder / MARK, as_json(mark))


def mark_of(noted: Mapping[str, Any]) -> Mark:
    return Mark(datetime.fromisoformat(noted["at"]), noted["lsn"], noted["system"])


def as_json(mark: Mark) -> dict[str, Any]:
    return {**asdict(mark), "at": mark.at.isoformat()}


def put_json(file: Path, content: object) -> None:
    """A small file, replaced whole and durable."""
    partial = file.with_name(f".{file.name}{PARTIAL}")
    partial.write_text(json.dumps(content, indent=1) + "\n")
    fsync_file(partial)
    os.replace(partial, file)
    fsync_folder(file.parent)
