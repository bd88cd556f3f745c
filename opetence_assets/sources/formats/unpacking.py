"""Gzip and zip around a file: one member, bounded by what it declares and by what comes out."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from opetence_assets.sources.formats.specs import Refused
from opetence_assets.sources.limits import Limits

_CHUNK = 2**20


def unpacked(path: Path, packed: Sequence[str], suffixes: Sequence[str], scratch: Path, limits: Limits) -> Path:
    """The file inside, in the scratch folder; the file itself where it is not packed.

    Raises:
        Refused: damaged, cut off, encrypted, not exactly one member, or more bytes than allowed.
    """
    for step, kind in enumerate(packed):
        target = scratch / f"unpacked{step}"
        try:
            if kind == ".gz":
                with gzip.open(path) as source:
                    _copied(source, target, limits)
            else:
                _unzipped(path, suffixes, target, limits)
        except EOFError:
            raise Refused(f"is cut off: its {kind} stream has no end") from None
        except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError):
            raise Refused(f"is damaged or no {kind} file") from None
        path = target
    return path


def _unzipped(path: Path, suffixes: Sequence[str], target: Path, limits: Limits) -> None:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) != 1:
            raise Refused(f"holds {len(members)} files; a zip is read if it holds exactly one")
        (member,) = members
        name = member.filename
        if "/" in name or "\\" in name or "\0" in member.orig_filename or name in ("", ".", ".."):
            raise Refused("holds a file with a path; a zip is read if it holds a plain name")
        if not name.lower().endswith(tuple(suffixes)):
            raise Refused(f"holds something else than {' or '.join(suffixes)}")
        if member.flag_bits & 1:
            raise Refused("is encrypted")
        if member.file_size > limits.unpacked:
            raise Refused(
                f"declares {member.file_size:,} bytes when unpacked, more than the {limits.unpacked:,} allowed"
            )
        with archive.open(member) as source:
            _copied(source, target, limits)


def _copied(source: IO[bytes] | gzip.GzipFile, target: Path, limits: Limits) -> None:
    """Counts what really comes out: a declared size may lie."""
    count = 0
    with target.open("wb") as file:
        while chunk := source.read(_CHUNK):
            count += len(chunk)
            if count > limits.unpacked:
                raise Refused(f"unpacks to more than the {limits.unpacked:,} bytes allowed")
            file.write(chunk)
