"""Files by their content: ``objects/<aa>/<sha256>``, copied, hashed and checked in one pass, on disk or S3 alike.

Files are copied, never hard-linked: a link is the same bytes on the same disk, and one flipped bit damages both.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from uuid import uuid4

from opetence_assets.backup.pouring import poured
from opetence_assets.lake.durability import fsync_file, fsync_folder, made_folder
from opetence_assets.lake.places import TEMPORARY, Lake, deleted, files_before, store_of

BLOCK = 1 << 19  # of what is read from S3
SIDE_BY_SIDE = 4  # files: while one waits for the disk or S3, another is hashed
FOLDER = "objects"
NAMELESS = Path("/proc/self/fd")  # where Linux opens anew a file that is open and has no name
UNFINISHED = re.compile(rf"_[0-9a-f]{{32}}{re.escape(TEMPORARY)}")


@dataclass(frozen=True)
class Digest:
    """What a file's bytes are."""

    sha256: str
    bytes: int


class BackupDamaged(Exception):
    """A byte of a backup is not as it was recorded; names the object or manifest and what it belongs to."""


def object_path(digest: str) -> str:
    return f"{FOLDER}/{digest[:2]}/{digest}"


def stored_sizes(store: Lake) -> dict[str, int]:
    """The bytes of every object in the store, by path."""
    import obstore

    pages = obstore.list(store_of(store), f"{FOLDER}/")
    return {entry["path"]: entry["size"] for page in pages for entry in page}


def made_folders(store: Lake) -> None:
    """Every object's folder in a new local store at once; made durable one by one they took a tenth of hashing."""
    folder = Path(store.address(FOLDER))
    if store.is_local and not folder.is_dir():
        made_folder(folder)
        for number in range(256):
            (folder / f"{number:02x}").mkdir(exist_ok=True)
        fsync_folder(folder)


def sweep_unfinished(place: Lake, age: timedelta = timedelta(days=1)) -> None:
    """Deletes what copies that were killed longer than ``age`` ago left in a local place."""
    if place.is_local and os.path.isdir(place.uri):
        long_ago = time.time() - age.total_seconds()
        for entry in os.scandir(place.uri):
            if UNFINISHED.fullmatch(entry.name) and entry.stat().st_mtime <= long_ago:
                os.unlink(entry)


def unfinished(place: Lake, before: datetime) -> list[str]:
    """What kills left of small files anywhere in a local place before a moment; on S3 a file is whole or absent."""
    return files_before(place, "", before, UNFINISHED.fullmatch) if place.is_local else []


def let_go(place: Lake, paths: Collection[str]) -> None:
    """Deletes files that have a folder of their own, and the folder: a disk's listing would look into each for ever."""
    deleted(place, paths)
    for folder in {Path(place.address(path)).parent for path in paths} if place.is_local else ():
        with suppress(OSError):  # there is more in it
            folder.rmdir()


def digest_of(place: Lake, path: str) -> Digest:
    """Reads and hashes a whole file, from the disk itself where it is local.

    Raises:
        FileNotFoundError: there is none.
    """
    if place.is_local:
        return Digest(*poured(place.address(path), None, from_disk=True))
    return _streamed(place, path, lambda _: None)


def copied(
    source: Lake, path: str, target: Lake, named: Callable[[Digest, Path], str | None], *, durable: bool = True
) -> Digest:
    """Copies a file and returns what its bytes were; durable when it returns, absent before.

    ``named`` is told the bytes' digest and a local file that holds them, and gives the name in ``target``, or None
    if it is there already; what it raises (the bytes are not those expected) leaves ``target`` as it was.

    Args:
        durable: False where the caller forces all of a local target to disk at its end.
    """
    with _temporary(target) as temporary:
        if source.is_local:
            digest = Digest(*poured(source.address(path), temporary, to_disk=durable))
        else:
            with temporary.open("wb") as file:
                digest = _streamed(source, path, file.write)
        name = named(digest, temporary)
        if name is not None:
            _placed(temporary, target, name, durable=durable)
    return digest


@contextmanager
def _temporary(target: Lake) -> Generator[Path]:
    """Beside where a file goes; on its way to S3 one that has no name, where a kill leaves nothing."""
    if not target.is_local:
        with TemporaryFile() if NAMELESS.is_dir() else NamedTemporaryFile() as file:
            yield NAMELESS / str(file.fileno()) if NAMELESS.is_dir() else Path(file.name)
        return
    made_folder(Path(target.uri))
    temporary = Path(target.uri) / f"_{uuid4().hex}{TEMPORARY}"
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _streamed(place: Lake, path: str, write: Callable[[bytes], object]) -> Digest:
    import obstore

    hashed, size = sha256(), 0
    for part in obstore.get(store_of(place), path).stream(min_chunk_size=BLOCK):
        block = bytes(part)
        hashed.update(block)
        write(block)
        size += len(block)
    return Digest(hashed.hexdigest(), size)


def _placed(temporary: Path, target: Lake, name: str, *, durable: bool) -> None:
    if not target.is_local:
        import obstore

        obstore.put(store_of(target), name, temporary)
        return
    final = Path(target.address(name))
    if not durable:
        final.parent.mkdir(parents=True, exist_ok=True)
        os.rename(temporary, final)
        return
    made_folder(final.parent)
    fsync_file(temporary)
    os.rename(temporary, final)
    fsync_folder(final.parent)
