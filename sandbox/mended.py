"""The wheel's ``pg_verifybackup`` of PostgreSQL 18 dies before its first instruction; one flag in it makes it run.

The tool that built the wheel moved the program's dynamic section into pages that are loaded for reading only; the
loader writes there. Allowing it to is all that is done. Nothing happens where the program is whole, or no ELF.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from sandbox import SandboxError

LOAD, DYNAMIC, WRITABLE, PAGE = 1, 2, 2, 4096
Segment = tuple[int, int, int, int, int]  # where its header is, kind, flags, address, bytes in memory


def mend(program: Path) -> None:
    """Replaces the program by one that runs, whole; other hard links to it (pip's, uv's cache) stay as they are.

    Raises:
        SandboxError: the program cannot be replaced where it is.
    """
    data = bytearray(program.read_bytes())
    wrong = unwritable(data)
    if not wrong:
        return
    for header, _, flags, _, _ in wrong:
        struct.pack_into("<I", data, header + 4, flags | WRITABLE)
    mended = program.with_name(f".{program.name}.{os.getpid()}")
    try:
        mended.write_bytes(data)
        mended.chmod(program.stat().st_mode)
        os.replace(mended, program)
    except OSError as error:
        raise SandboxError(
            f"{program}: found a program that must be mended where nobody may write ({error.strerror}); allowed: an"
            " environment of your own. Next: python -m venv, install into it, and run from there"
        ) from error


def unwritable(data: bytes | bytearray) -> list[Segment]:
    """The segments whose pages hold a part of the dynamic section and may not be written."""
    if data[:6] != b"\x7fELF\x02\x01":  # 64 bits, little-endian
        return []
    (first,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    segments = [_segment(data, first + n * size) for n in range(count)]
    dynamic = [(address, address + length) for _, kind, _, address, length in segments if kind == DYNAMIC]
    return [
        (header, kind, flags, address, length)
        for header, kind, flags, address, length in segments
        if kind == LOAD and not flags & WRITABLE
        if any(address // PAGE * PAGE < end and address + length > start for start, end in dynamic)
    ]


def _segment(data: bytes | bytearray, header: int) -> Segment:
    kind, flags, _, address, _, _, length = struct.unpack_from("<IIQQQQQ", data, header)
    return header, kind, flags, address, length
