"""The process: ``python -m sandbox.company <home> <http socket> <mongo socket> <pipe>``, started by `process`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path


def main(home: Path, http: int, mongo: int, ready: int) -> None:
    """Leave the starter, then serve until told to stop."""
    if os.fork():
        os._exit(0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # whoever started us may ignore them
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    from sandbox.company.host import hosted

    hosted(home, http, mongo, ready)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:5]))
