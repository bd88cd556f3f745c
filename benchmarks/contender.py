"""One contender in a fresh process: ``python -m benchmarks.contender MODULE FUNCTION ARGUMENTS``.

The function is a generator: what it does before its ``yield`` (imports) is the process's start, what it does after is
the work. Prints one JSON line: CPU-seconds of both, wall seconds, the most memory ever held, and what it yields last.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from pathlib import Path


def cpu_seconds() -> float:
    """User and system time of this process and of its children that ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def peak_megabytes() -> float:
    """The high-water mark of resident memory; ``ru_maxrss`` would start with the parent's."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OSError("no VmHWM in /proc/self/status; these benchmarks need Linux")


def main(module: str, function: str, arguments: str) -> None:
    contender = getattr(importlib.import_module(module), function)(**json.loads(arguments))
    next(contender)
    started, clock = cpu_seconds(), time.perf_counter()
    facts = next(contender, None)
    found = {
        "start": started,
        "work": cpu_seconds() - started,
        "wall": time.perf_counter() - clock,
        "peak": peak_megabytes(),
        "facts": facts,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
