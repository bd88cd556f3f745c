"""What reading one foreign file may cost. Known on both sides of the pipe; imports nothing of ours."""

from __future__ import annotations

import resource
from dataclasses import dataclass

_BESIDES = 4 * 2**30  # address space that is not memory in use: maps of files, arenas, stacks
_OPEN_FILES = 256


@dataclass(frozen=True)
class Limits:
    """Bounds of one file; what exceeds one is refused by name, and the files beside it go on.

    Attributes:
        size: bytes of the file as dropped.
        unpacked: bytes it may unpack to, as declared and as counted; also of what it is turned into.
        cell: bytes of one value or one record.
        memory: bytes of private memory of the process that reads it, measured.
        cpu_seconds, wall_seconds: time it may take.
    """

    size: int = 2 * 2**30
    unpacked: int = 2 * 2**30
    cell: int = 16 * 2**20
    memory: int = 2**30
    cpu_seconds: int = 600
    wall_seconds: float = 900.0


def confine(limits: Limits) -> None:
    """Bounds this process for good; the memory that its parent measures is the tighter bound, this one the kernel's."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold what is being read
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * limits.unpacked, 2 * limits.unpacked))
    space = limits.memory + _BESIDES
    resource.setrlimit(resource.RLIMIT_AS, (space, space))


def grant_seconds(limits: Limits) -> None:
    """Gives the next file its CPU time, counted from what this process has used so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + limits.cpu_seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))
