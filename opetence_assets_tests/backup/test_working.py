"""Files in the clear are in the platform's scratch, and are gone when whoever needed them is."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from opetence_assets.backup.objects import Digest, copied
from opetence_assets.backup.working import working_in
from opetence_assets.lake.places import Lake

KILLED = """import os, signal, sys; from pathlib import Path; from opetence_assets.backup.working import working_in
with working_in(Path(sys.argv[1])) as folder:
    (folder / "plain").write_text("somebody's")
    os.kill(os.getpid(), signal.SIGKILL)"""


def test_what_a_killed_process_left_goes_when_the_next_begins(tmp_path: Path) -> None:
    with working_in(tmp_path) as mine:
        killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
        assert killed.returncode == -signal.SIGKILL
        (left,) = set(tmp_path.iterdir()) - {mine}
        assert (left / "plain").exists()
        with working_in(tmp_path) as another:
            assert set(tmp_path.iterdir()) == {mine, another}
    assert list(tmp_path.iterdir()) == []


def test_what_is_on_its_way_to_s3_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"somebody's" * 1000)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))

    def named(digest: Digest, copy: Path) -> None:
        assert copy.read_bytes() == (tmp_path / "file").read_bytes()
        assert list((tmp_path / "temporary").iterdir()) == []
        assert digest.bytes == 10_000

    copied(Lake(str(tmp_path)), "file", Lake("s3://nobody/asks"), named)
