"""The wheel's program is mended where it can be, and says so where it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import SandboxError, mended
from sandbox.mended import LOAD, mend
from sandbox.postgres import programs


def test_a_program_that_nobody_may_write_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: bytes) -> list[mended.Segment]:
        return [(64, LOAD, 4, 0, len(data))]

    monkeypatch.setattr(mended, "unwritable", broken)
    program = tmp_path / "pg_verifybackup"
    program.write_bytes((programs() / "pg_verifybackup").read_bytes()[:200])
    (tmp_path / f".pg_verifybackup.{mended.os.getpid()}").mkdir()  # root may write anywhere but over a folder
    with pytest.raises(SandboxError, match=r"pg_verifybackup: .* nobody may write .* Next: python -m venv"):
        mend(program)


def test_the_wheels_program_is_mended_once() -> None:
    mend(programs() / "pg_verifybackup")
    assert mended.unwritable((programs() / "pg_verifybackup").read_bytes()) == []
