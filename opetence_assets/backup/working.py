"""A folder for files in the clear on their way to or from a copy: gone when the work ends, or when the next begins.

A process that is killed leaves its folder, but no lock on it: who comes next deletes what nobody holds. The system's
temporary folder is none for this: others read it, and it may be small.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

PREFIX = "copying-"


@contextmanager
def working_in(scratch: Path) -> Generator[Path]:
    """An empty folder of one's own in the platform's scratch, for as long as it takes."""
    scratch.mkdir(parents=True, exist_ok=True)
    with _locked(scratch):  # or another might take the folder for one that was left before it is locked
        for left in scratch.glob(f"{PREFIX}*"):
            with suppress(BlockingIOError, FileNotFoundError), _locked(left, fcntl.LOCK_NB):
                shutil.rmtree(left)
        folder = Path(mkdtemp(prefix=PREFIX, dir=scratch))
        held = _lock(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        os.close(held)


@contextmanager
def _locked(folder: Path, how: int = 0) -> Generator[None]:
    descriptor = _lock(folder, how)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(folder: Path, how: int = 0) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | how)
    except BlockingIOError:
        os.close(descriptor)
        raise
    return descriptor
