"""One pass over a local file: hashed, and written elsewhere, past the page cache or into it.

Measured on 2 GB in the cache, CPU-seconds: hashing alone 1.29, hashed and written with ``O_DIRECT`` 1.54, through the
cache a third more than hashing. The disk fetches the bytes itself, and a backup pushes nothing out of the cache that
others read. Read with ``O_DIRECT``, 1.36: what is verified is the disk's bytes, not the cache's memory of them. What a
restore brings is read next, by checks and by people, so that it stays in the cache.
"""

from __future__ import annotations

import errno
import mmap
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from hashlib import sha256
from pathlib import Path

BLOCK = 1 << 20
CACHED = 1 << 17  # through the page cache: read, hashed and written while the processor's own cache still has it
ALIGNED = 4096
DIRECT: int = getattr(os, "O_DIRECT", 0)
_of_thread = threading.local()


def poured(
    source: str | Path, target: Path | None, *, from_disk: bool = False, to_disk: bool = True
) -> tuple[str, int]:
    """SHA-256 and bytes of a file, written to ``target`` on the way, if there is one.

    Args:
        from_disk: asks no cache what the bytes are.
        to_disk: leaves none of them in the cache; the disk may have cached them itself until ``fsync``.
    """
    with _opened(source, os.O_RDONLY, direct=from_disk) as reader:
        size = os.fstat(reader).st_size
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        direct = to_disk and size >= BLOCK
        with nullcontext() if target is None else _opened(target, flags, direct=direct) as writer:
            hashed, total, buffer = sha256(), 0, _buffer() if from_disk or to_disk else _buffer()[:CACHED]
            while total < size and (number := os.readv(reader, [buffer])):
                hashed.update(buffer[:number])
                total += number
                if writer is not None:  # the end as whole pages, as the disk wants them; what is too much is cut off
                    _write(writer, buffer[: number if total < size else -(-number // ALIGNED) * ALIGNED])
            if writer is not None:
                os.ftruncate(writer, total)
    return hashed.hexdigest(), total


def _buffer() -> memoryview:
    """One for each thread: fresh pages for every file took a fifth of hashing (1.80 instead of 1.54 CPU-s for 2 GB)."""
    if not hasattr(_of_thread, "buffer"):
        _of_thread.buffer = memoryview(mmap.mmap(-1, BLOCK))
    return _of_thread.buffer


@contextmanager
def _opened(path: str | Path, flags: int, *, direct: bool) -> Generator[int]:
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC | (DIRECT if direct else 0), 0o666)
    except OSError as error:
        if not direct or error.errno != errno.EINVAL:  # a file system that has no such thing
            raise
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write(descriptor: int, block: memoryview) -> None:
    while block:
        block = block[os.write(descriptor, block) :]
