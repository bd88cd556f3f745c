"""Commands that a test starts by the dozen, each in a process of its own, forked from one that has imported what is
heavy: imports are two thirds of what ``opetence run`` costs when there is little to do.

A child's modules beyond the heavy ones, its arguments, environment and output are its own.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from opetence_assets.command.warm import HEAVY

OPETENCE = "from opetence_assets.command import main; main()"
CONTENDER = "import sys; from benchmarks.contender import main; main(*sys.argv[1:])"


@dataclass(frozen=True)
class Forks:
    """A running fork server."""

    server: subprocess.Popen[str]
    folder: Path

    def run(
        self, code: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """``python -c code arguments``, and what it printed."""
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        asked = {
            "code": code,
            "arguments": list(arguments),
            "environment": dict(os.environ if environment is None else environment),
            "said": [str(self.folder / name) for name in ("out", "err")],
        }
        self.server.stdin.write(f"{json.dumps(asked)}\n")
        self.server.stdin.flush()
        ended = int(self.server.stdout.readline())
        said = [Path(file).read_text() for file in asked["said"]]
        return subprocess.CompletedProcess([code, *arguments], ended, *said)


@contextmanager
def forks(heavy: Sequence[str] = ("dagster", *HEAVY)) -> Iterator[Forks]:
    """A fork server that has imported what is ``heavy``: by default what the platform's commands need."""
    command = [sys.executable, "-m", __name__, *heavy]
    with (
        TemporaryDirectory() as folder,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server,
    ):
        yield Forks(server, Path(folder))  # the end of its input ends the server


def serve(heavy: Sequence[str]) -> None:
    """Forks for each line of standard input and says how the child ended."""
    for name in heavy:
        with suppress(ModuleNotFoundError):
            import_module(name)
    gc.collect()
    gc.freeze()  # a child's collector would touch, and so copy, every inherited page
    forked = multiprocessing.get_context("fork")  # whose children end without taking the inherited heap apart
    for line in sys.stdin:
        child = forked.Process(target=_become, kwargs=json.loads(line))
        child.start()
        child.join()
        sys.stdout.write(f"{child.exitcode}\n")
        sys.stdout.flush()
    gc.unfreeze()


def _become(code: str, arguments: list[str], environment: dict[str, str], said: list[str]) -> None:
    places = [(os.devnull, os.O_RDONLY), *((file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) for file in said)]
    for number, (file, flags) in enumerate(places):
        opened = os.open(file, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["-c", *arguments]
    exec(code, {"__name__": "__main__"})


if __name__ == "__main__":
    serve(sys.argv[1:])
