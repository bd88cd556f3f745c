"""A full disk, said in words: nothing is half-written, the same command goes on once there is room."""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from opetence_assets.dataset import DataError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def room_for(dataset: str, folder: Path) -> Generator[None]:
    """Turns the operating system's refusal to write, however deep it was wrapped, into the platform's own error.

    Raises:
        DataError: the disk is full; what was staged is invisible and swept later.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, DataError) or not any(_is_full(cause) for cause in _causes(error)):
            raise
        raise DataError(
            dataset,
            found=f"no room on the disk of {folder}",
            allowed="room for the rows read and one copy of them",
            next_command="free some space, then: opetence run",
        ) from None


def _causes(error: BaseException) -> list[BaseException]:
    """An error and what it came from; an error raised again out of its own wrapping stands in a circle."""
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found


def _is_full(error: BaseException) -> bool:
    # Polars tells of a full disk in words only.
    return (isinstance(error, OSError) and error.errno in FULL) or any(
        words in str(error) for words in ("No space left on device", "File too large", "Disk quota exceeded")
    )
