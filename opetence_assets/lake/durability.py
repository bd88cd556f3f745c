"""What is acknowledged survives a power cut: no writer of Parquet or Delta calls fsync, so the lake does.

The lake's own commits are durable before they are visible (``places.put_new``). Other writers' are not: after a power
cut the newest commit or checkpoint of Spark or delta-rs may be empty or cut off, and ``repair`` takes it back.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opetence_assets.lake.places import Lake

ACTIONS = "opetenceActions"  # the commitInfo entry that says how many actions the commit has
COMMIT = re.compile(r"(\d{20})\.json")
CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\..*parquet")


class LakeDamaged(Exception):
    """A table's log is broken in a way that taking back its newest entry cannot mend."""


def fsync_file(path: str | Path) -> None:
    """Forces a file's bytes to disk."""
    _fsync(path, os.O_RDONLY)


def fsync_folder(path: str | Path) -> None:
    """Forces a folder's entries (names made, renamed, removed) to disk."""
    _fsync(path, os.O_RDONLY | os.O_DIRECTORY)


def made_folder(path: Path) -> None:
    """Makes a folder and its missing parents, each durable in its own parent."""
    missing: list[Path] = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        fsync_folder(folder.parent)


def repair(lake: Lake, key: str) -> list[str]:
    """Takes back a torn newest commit and torn checkpoints of a local table; returns the names removed.

    Whatever parses is kept. On S3 an object is whole or absent, so there is nothing to do.

    Raises:
        LakeDamaged: a commit that later ones build on is torn.
    """
    folder = Path(lake.address(f"{key}/_delta_log"))
    if not lake.is_local or not folder.is_dir():
        return []
    names = sorted(os.listdir(folder))
    commits = [name for name in names if COMMIT.fullmatch(name)]
    torn = [name for name in commits if not _parses(folder / name)]
    broken = [name for name in names if CHECKPOINT.fullmatch(name) and not _is_parquet(folder / name)]
    whole = [name for name in names if CHECKPOINT.fullmatch(name) and name not in broken]
    last = max((name[:20] for name in (*commits, *whole)), default="")
    for name in torn:
        if name[:20] != last or any(checkpoint[:20] == last for checkpoint in whole):
            raise LakeDamaged(
                f"{key}: found commit {name} torn with later ones built on it; allowed: a whole log."
                " Next: restore the table from its backup"
            )
    removed = [*broken, *torn]
    if any(name.startswith(_pointed_at(folder)) for name in broken) or (broken and not whole):
        removed.append("_last_checkpoint")
    for name in removed:
        (folder / name).unlink(missing_ok=True)
    if removed:
        fsync_folder(folder)
    return removed


def is_torn(path: Path) -> bool:
    """Whether a commit file is not whole: empty, cut off, or with fewer actions than its writer counted.

    Parses the first and the last action only.
    """
    try:
        lines = _lines(path)
    except FileNotFoundError:
        return False
    return not lines or not _is_json(lines[-1]) or not _is_json(lines[0]) or _counted(lines) != len(lines)


def _parses(path: Path) -> bool:
    return not is_torn(path) and all(_is_json(line) for line in _lines(path))


def _lines(path: Path) -> list[bytes]:
    return [line for line in path.read_bytes().split(b"\n") if line]


def _counted(lines: list[bytes]) -> int:
    """How many actions the writer says there are; as many as there are, where it does not say."""
    info: dict[str, Any] = json.loads(lines[0]).get("commitInfo", {})
    return info.get(ACTIONS, len(lines))


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _is_parquet(path: Path) -> bool:
    import pyarrow.parquet as pq
    from pyarrow import ArrowInvalid

    try:
        pq.ParquetFile(path).close()
    except (ArrowInvalid, OSError):
        return False
    return True


def _pointed_at(folder: Path) -> str:
    """The start of the file name that ``_last_checkpoint`` names; one that fits nothing if it is torn or absent."""
    try:
        return f"{json.loads((folder / '_last_checkpoint').read_bytes())['version']:020d}."
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return "none"


def _fsync(path: str | Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
