"""Foreign files are parsed by another process: one for many files, and another one after one that came to grief."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic
from typing import IO, TYPE_CHECKING, Any, cast

from opetence_assets.sources.formats.child import told
from opetence_assets.sources.formats.specs import PACKED, Refused, Spec, Task
from opetence_assets.sources.limits import Limits

if TYPE_CHECKING:
    import pyarrow

ROOT = Path(__file__).parents[2]
_LOOK = 0.02  # seconds between two looks at the memory of the process
_START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from opetence_assets.sources.formats.child import main; main()"
)


@dataclass(frozen=True)
class Parsed:
    """The rows of a file, whole, in the scratch folder."""

    stream: Path
    rows: int
    undeclared: tuple[str, ...]

    def batches(self) -> Iterator[pyarrow.Table]:
        """The rows, a batch at a time, or an empty one; the file is gone afterwards (an open map keeps its bytes)."""
        import pyarrow as pa

        try:
            with pa.memory_map(str(self.stream)) as whole, pa.ipc.open_stream(whole) as reader:
                if not self.rows:
                    yield reader.schema.empty_table()
                for batch in reader:
                    yield pa.Table.from_batches([batch], reader.schema)
        finally:
            self.discard()

    def discard(self) -> None:
        self.stream.unlink(missing_ok=True)


@dataclass
class Reader:
    """Reads files in a process of its own, started with the first and again after each failure."""

    scratch: Path
    limits: Limits = field(default_factory=Limits)
    folder: Path | None = None
    count: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _heard: bytes = b""

    @property
    def pid(self) -> int | None:
        """The process that reads, if there is one."""
        return self._process.pid if self._process else None

    def parsed(self, path: Path, name: str, spec: Spec) -> Parsed:
        """The rows of a file that is what it should be.

        Raises:
            Refused: it is not, or the process that read it crashed or needed more than it may.
        """
        if self.folder is None:
            self.scratch.mkdir(parents=True, exist_ok=True)
            self.folder = Path(mkdtemp(prefix="files-", dir=self.scratch))
        self.count += 1
        into = self.folder / f"{self.count}.arrow"
        task = Task(str(path), name, spec, str(into), packed_in(name))
        try:
            answer = self._answer(json.dumps(task.as_json()).encode() + b"\n")
            if "refused" in answer:
                raise Refused(answer["refused"])
        except Refused:
            into.unlink(missing_ok=True)
            raise
        return Parsed(into, answer["rows"], tuple(answer["undeclared"]))

    def close(self) -> None:
        """Ends the process and removes what it left."""
        self._end()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def _answer(self, task: bytes) -> dict[str, Any]:
        process = self._process = self._process or self._started()
        try:
            cast("IO[bytes]", process.stdin).write(task)
            line = self._line(process)
        except BrokenPipeError:
            line = b""
        answer = json.loads(line) if line else {"crashed": ""}
        if "crashed" not in answer:
            return answer
        code = self._end()
        raise Refused(_grief(0 if answer["crashed"] else code, answer["crashed"], self.limits))

    def _line(self, process: subprocess.Popen[bytes]) -> bytes:
        """One line of the process, or none if it ended; bounded in time and memory while it is waited for."""
        import psutil

        out, began = cast("IO[bytes]", process.stdout), monotonic()
        measured = psutil.Process(process.pid)
        while b"\n" not in self._heard:
            if select.select([out], [], [], _LOOK)[0]:
                heard = os.read(out.fileno(), 2**16)
                if not heard:
                    return b""
                self._heard += heard
                continue
            try:
                private = _private(measured)
            except psutil.Error:
                continue  # it just ended: its pipe says so next
            if private > self.limits.memory:
                self._end()
                raise Refused(f"needs more memory than the {self.limits.memory:,} bytes allowed")
            if monotonic() - began > self.limits.wall_seconds:
                self._end()
                raise Refused(f"takes more than the {self.limits.wall_seconds:g} seconds allowed")
        line, _, self._heard = self._heard.partition(b"\n")
        return line

    def _started(self) -> subprocess.Popen[bytes]:
        self._heard = b""
        scratch = (self.folder or self.scratch) / "reading"
        shutil.rmtree(scratch, ignore_errors=True)  # of one that was killed
        return subprocess.Popen(
            [sys.executable, "-I", "-c", _START, str(ROOT), told(self.limits), str(scratch)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a parser's complaints may quote what it reads
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},  # no secret of ours goes near a foreign file
            bufsize=0,
        )

    def _end(self) -> int:
        """Ends the process, if there is one, and returns its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        with process:  # closes the pipes and waits
            if not process.stdout or not select.select([process.stdout], [], [], 0)[0]:
                process.kill()  # it is reading, or waits for the next file
        return process.returncode


def packed_in(name: str) -> tuple[str, ...]:
    """The archives around a file, by its name: ``.gz`` or ``.zip``."""
    suffix = Path(name).suffix.lower()
    return (suffix,) if suffix in PACKED else ()


def is_named_for(name: str, spec: Spec) -> bool:
    """Whether a file's name says it is of the declared format; a zip may leave that to its member."""
    packed = packed_in(name)
    plain = Path(name).stem if packed else name
    return plain.lower().endswith(spec.suffixes) or packed == (".zip",)


def limited_to(suffixes: Sequence[str]) -> str:
    """The file names allowed, for a message."""
    return " or ".join(suffixes) + ", each also as .gz or .zip"


def _private(process: Any) -> int:
    """Bytes of memory in use, without maps of files."""
    info = process.memory_info()
    return info.rss - getattr(info, "shared", 0)


def _grief(code: int, crashed: str, limits: Limits) -> str:
    """What became of a process, by its exit code."""
    import signal

    match -code:
        case signal.SIGXCPU:
            return f"takes more than the {limits.cpu_seconds:,} seconds of CPU allowed"
        case signal.SIGXFSZ:
            return f"turns into more than the {2 * limits.unpacked:,} bytes allowed"
        case number if number > 0:
            return f"crashed its reader ({signal.Signals(number).name})"
        case _:
            return f"crashed its reader ({crashed or f'exit code {code}'})"
