"""The process that reads foreign files: a task a line on stdin, an answer a line on stdout, rows in the scratch folder.

It has no secret, no connection and no state between files; whatever happens to it happens to one file.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from opetence_assets.sources.formats.landing import Landing
from opetence_assets.sources.formats.specs import Columnar, Delimited, JsonDocument, JsonLines, Refused, Task, Workbook
from opetence_assets.sources.formats.unpacking import unpacked
from opetence_assets.sources.limits import Limits, confine, grant_seconds


def main() -> None:
    """Answers tasks until stdin ends; the limits and a scratch folder are its arguments."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer

    def said(kind: type[BaseException], *_: object) -> None:
        print(json.dumps({"crashed": kind.__name__}), file=answers, flush=True)

    sys.excepthook = said
    limits, scratch = Limits(**json.loads(sys.argv[1])), Path(sys.argv[2])
    confine(limits)
    _without_numpy()
    scratch.mkdir()
    for line in sys.stdin:
        grant_seconds(limits)
        print(json.dumps(answer(Task.of(json.loads(line)), scratch, limits)), file=answers, flush=True)


def _without_numpy() -> None:
    """Arrow imports it where it can: a tenth of a second that each load of files would wait for, for nothing."""
    sys.modules["numpy"] = None  # pyright: ignore[reportArgumentType]  # which is how an import is refused


def answer(task: Task, scratch: Path, limits: Limits) -> dict[str, Any]:
    """``rows`` and ``undeclared`` of a file that was read whole, or why it is ``refused``."""
    landing = Landing(Path(task.into), task.name, limits)
    try:
        path = unpacked(Path(task.path), task.packed, task.spec.suffixes, scratch, limits)
        _read(path, task, landing, scratch)
        return {"rows": landing.rows, "undeclared": sorted(landing.undeclared)}
    except Refused as refusal:
        return {"refused": str(refusal)}
    except MemoryError:
        return {"refused": f"needs more memory than the {limits.memory:,} bytes allowed"}
    finally:
        landing.close()
        for left in scratch.iterdir():
            left.unlink()


def _read(path: Path, task: Task, landing: Landing, scratch: Path) -> None:
    """Imports only what the format needs: the first file waits for it."""
    match task.spec:
        case Delimited() as spec:
            from opetence_assets.sources.formats.delimited import read_delimited

            read_delimited(path, spec, landing, scratch)
        case JsonLines() as spec:
            from opetence_assets.sources.formats.json_records import read_lines

            read_lines(path, spec, landing, scratch)
        case JsonDocument() as spec:
            from opetence_assets.sources.formats.json_records import read_document

            read_document(path, spec, landing, scratch)
        case Columnar() as spec:
            from opetence_assets.sources.formats.columnar import read_columnar

            read_columnar(path, spec, landing, scratch)
        case Workbook() as spec:
            from opetence_assets.sources.formats.workbook import read_workbook

            read_workbook(path, spec, landing, scratch)


def told(limits: Limits) -> str:
    """The limits as this process takes them."""
    return json.dumps(asdict(limits))
