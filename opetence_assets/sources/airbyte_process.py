"""A connector as a process: its own environment, its own limits, no secret on disk, one JSON message a line."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from threading import Timer
from typing import TYPE_CHECKING, Any

from opetence_assets.dataset import DataError

if TYPE_CHECKING:
    from opetence_assets.settings import Settings
    from opetence_assets.sources.limits import Limits

PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
LONGEST_LINE = 256 * 2**20  # bytes; a cell of 16 MiB may be spelled in six bytes a character
Message = dict[str, Any]


class Ended(Exception):
    """The connector ended otherwise than well; says how, never what it was working on."""


@dataclass(frozen=True)
class Connector:
    """An executable that speaks Airbyte's protocol, and what one call of it may cost."""

    executable: Path
    limits: Limits
    scratch: Path

    @contextmanager
    def said(self, command: str, documents: Mapping[str, Any]) -> Generator[Iterator[Message | str]]:
        """The messages of one command (``discover``, ``read``), each a dictionary, or text where it is none.

        Documents (``config``, ``catalog``, ``state``) are given as files that lie in memory only.

        Raises (while reading):
            Ended: with another code than 0, killed, or silent for too long.
        """
        self.scratch.mkdir(parents=True, exist_ok=True)
        home = mkdtemp(prefix="airbyte-", dir=self.scratch)
        files = {name: _in_memory(name, document) for name, document in documents.items()}
        given = [part for name, file in files.items() for part in (f"--{name}", f"/proc/self/fd/{file}")]
        child = [sys.executable, "-m", "opetence_assets.sources.airbyte_child", json.dumps(asdict(self.limits))]
        process = subprocess.Popen(
            [*child, str(self.executable), command, *given],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # tracebacks quote what they choke on
            env={**{n: os.environ[n] for n in PASSED_ON if n in os.environ}, "HOME": home, "PYTHONPATH": _root()},
            cwd=home,
            pass_fds=tuple(files.values()),
            start_new_session=True,
        )
        watch = Timer(self.limits.wall_seconds, _end, (process,))
        watch.daemon = True
        watch.start()
        try:
            yield _messages(process)
        finally:
            watch.cancel()
            _end(process)
            for file in files.values():
                os.close(file)
            shutil.rmtree(home, ignore_errors=True)


def connector_at(settings: Settings, dataset: str, requirement: str, executable: str) -> Path:
    """The executable of a requirement in an environment of its own, made the first time it is asked for.

    Raises:
        DataError: it cannot be installed, or has no such executable.
    """
    folder = settings.home / "airbyte" / sha256(requirement.encode()).hexdigest()[:16]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)  # what an attempt that was killed has left
            for step in ([sys.executable, "-m", "venv"], [str(folder / "bin/pip"), "install", "--quiet"]):
                made = subprocess.run([*step, str(folder) if "venv" in step else requirement], capture_output=True)
                if made.returncode:
                    raise _not_installed(dataset, requirement)
            (folder / "ready").touch()
    found = folder / "bin" / executable
    if not found.exists():
        raise _not_installed(dataset, f"{executable} in {requirement}")
    return found


def _not_installed(dataset: str, what: str) -> DataError:
    return DataError(
        dataset,
        found=f"no connector {what} that can be installed",
        allowed="a requirement of the package index with that executable",
        next_command=f"pip download --no-deps '{what}', or name an executable in the declared variable",
    )


def _messages(process: subprocess.Popen[bytes]) -> Iterator[Message | str]:
    assert process.stdout is not None
    while line := process.stdout.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise Ended("a message longer than any may be")
        yield _message(line)
    code = process.wait()
    if code:
        raise Ended(f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}")


def _message(line: bytes) -> Message | str:
    try:
        message = json.loads(line)
    except ValueError:
        return line.decode(errors="replace").rstrip("\n")
    return message if isinstance(message, dict) else line.decode(errors="replace")


def _in_memory(name: str, document: Any) -> int:
    file = os.memfd_create(name)
    os.write(file, json.dumps(document).encode())
    return file


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout:
        process.stdout.close()


def _root() -> str:
    """Where this package is imported from; the connector's own interpreter ignores it if it is isolated."""
    import opetence_assets

    return str(Path(opetence_assets.__file__ or "").parents[1])
