"""Where partners drop files: a folder, or a prefix of a bucket. Each dataset sees the files of its own folder only."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from opetence_assets.dataset import DataError
from opetence_assets.sources.formats.specs import PACKED, Refused

if TYPE_CHECKING:
    from opetence_assets.settings import Settings

_DAY = re.compile(r"_(\d{4}-\d{2}-\d{2})(?:_v(\d{1,4}))?$")
_CHUNK = 2**20


@dataclass(frozen=True)
class Dropped:
    """A file as a listing shows it.

    Attributes:
        state: changes whenever the file does; says nothing of its content.
        complaint: why it cannot even be opened.
    """

    name: str
    size: int
    state: str
    complaint: str | None = None

    @property
    def day(self) -> date | None:
        """The day in its name; None if it has none."""
        found = _DAY.search(plain_name(self.name))
        try:
            return date.fromisoformat(found[1]) if found else None
        except ValueError:
            return None

    @property
    def version(self) -> int:
        """1, or the number of the correction (``_v2``)."""
        found = _DAY.search(plain_name(self.name))
        return int(found[2] or 1) if found else 1


class Drop(Protocol):
    """A place that files are dropped into."""

    def listed(self) -> list[Dropped]:
        """Every file, sorted by name; reads none."""
        ...

    def seen(self, file: Dropped) -> str | None:
        """What a file is known by without reading it, where its place vouches for that (an object's tag)."""
        ...

    def identity(self, file: Dropped) -> str | None:
        """SHA-256 (hexadecimal) of its content, where that costs no transfer."""
        ...

    @contextmanager
    def opened(self, file: Dropped, scratch: Path, largest: int) -> Generator[tuple[Path, str]]:
        """A local copy to read and its SHA-256.

        Raises:
            Refused: it is gone, too large, not a file, or changed while it was read.
        """
        ...


def plain_name(name: str) -> str:
    """A file's name without its suffixes."""
    path = Path(name)
    return Path(path.stem if path.suffix.lower() in PACKED else name).stem


def drop_of(system: str, name: str, settings: Settings) -> Drop:
    """Where files of a dataset are dropped: below ``OPETENCE_DROP``, a folder or ``s3://`` or ``gs://`` address."""
    address = settings.variables.get("OPETENCE_DROP", "").strip()
    if "://" in address:
        from opetence_assets.sources.buckets import bucket_drop

        return bucket_drop(address, name, f"{system}/{name}", settings)
    return Folder(settings.drop / name, f"{system}/{name}")


@dataclass(frozen=True)
class Folder:
    """A local folder; nothing outside it is ever read."""

    path: Path
    dataset: str

    def listed(self) -> list[Dropped]:
        if self.path.is_symlink():
            raise DataError(
                self.dataset,
                found=f"a symbolic link at {self.path}",
                allowed="a real folder inside the drop folder",
                next_command=f"rm {self.path} && mkdir {self.path}",
            )
        if not self.path.is_dir():
            return []
        with os.scandir(self.path) as entries:
            found = [_dropped(entry) for entry in entries if not entry.name.startswith(".") and not _is_folder(entry)]
        return sorted((file for file in found if file), key=lambda file: file.name)

    def seen(self, file: Dropped) -> str | None:
        return None

    def identity(self, file: Dropped) -> str | None:
        return _hashed(self.path / file.name, file.state)

    @contextmanager
    def opened(self, file: Dropped, scratch: Path, largest: int) -> Generator[tuple[Path, str]]:
        path = self.path / file.name
        refuse_size(file.size, largest)
        identity = _hashed(path, file.state)
        yield path, identity
        if _state(path) != file.state:
            raise Refused("changed while it was read")


def refuse_size(size: int, largest: int) -> None:
    """Raises Refused if a file is too large to be looked at."""
    if size > largest:
        raise Refused(f"has {size:,} bytes, more than the {largest:,} allowed")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


def _dropped(entry: os.DirEntry[str]) -> Dropped | None:
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:  # taken away since the folder was read
        return None
    state = _said(found)
    if stat.S_ISLNK(found.st_mode):
        return Dropped(entry.name, 0, state, "is a symbolic link; only files inside the drop folder are read")
    if not stat.S_ISREG(found.st_mode):
        return Dropped(entry.name, 0, state, "is no plain file")
    return Dropped(entry.name, found.st_size, state)


def _state(path: Path) -> str:
    try:
        return _said(path.lstat())
    except FileNotFoundError:
        return "gone"


def _said(found: os.stat_result) -> str:
    """Name, length and both times: a file cannot change and keep all of them (``ctime`` is the kernel's)."""
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


@lru_cache(maxsize=65_536)
def _hashed(path: Path, state: str) -> str:
    """SHA-256 of a file in this state; remembered, so that a folder full of taken files is not read at every look.

    Raises:
        Refused: it is gone, or a link stands there now.
    """
    digest = hashlib.sha256()
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        raise Refused("is gone or cannot be opened") from None
    with os.fdopen(descriptor, "rb") as file:
        if _said(os.fstat(descriptor)) != state:
            raise Refused("changed while it was read")
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
