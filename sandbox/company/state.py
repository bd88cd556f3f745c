"""Two small files under ``home/sandbox``: what is told (``story.json``) and who tells it (``company.json``).

Both are hints that any start repairs: the story's truth is in PostgreSQL, the process's in the process table.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sandbox.story import Story


@dataclass(frozen=True)
class Company:
    """A process that hosts the systems.

    Attributes:
        created: when the process was started (s since 1970), so that another one with its pid is not taken for it.
        http: the port of the systems that speak HTTP.
        mongo: the port of the MongoDB.
        kafka: the bootstrap servers.
        secrets: a digest of the values that it checks requests against.
    """

    pid: int
    created: float
    http: int
    mongo: int
    kafka: str
    secrets: str


def held_company(home: Path) -> Company | None:
    found = _read(home / "sandbox" / "company.json")
    try:
        return Company(**found) if found else None
    except TypeError:  # written by another version
        return None


def hold_company(home: Path, company: Company) -> None:
    _write(home / "sandbox" / "company.json", asdict(company))


def held_story(home: Path) -> Story | None:
    found = _read(home / "sandbox" / "story.json")
    return story_from(found) if found else None


def hold_story(home: Path, story: Story | None) -> None:
    if story is None:
        (home / "sandbox" / "story.json").unlink(missing_ok=True)
    else:
        _write(home / "sandbox" / "story.json", story_as_json(story))


def story_as_json(story: Story) -> dict[str, Any]:
    return {**asdict(story), "until": story.until.isoformat()}


def story_from(values: dict[str, Any]) -> Story:
    return Story(**{**values, "until": date.fromisoformat(values["until"])})


def _read(file: Path) -> dict[str, Any] | None:
    try:
        return json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return None


def _write(file: Path, values: dict[str, Any]) -> None:
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    with partial.open("w") as handle:
        json.dump(values, handle)
        handle.flush()
        os.fsync(handle.fileno())
    partial.replace(file)
