"""Whatever happens to the process that reads a file happens to that file: the next one is read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from opetence_assets.sources.formats.specs import Delimited, JsonDocument, Refused
from opetence_assets.sources.limits import Limits
from opetence_assets.sources.parsing import ROOT, Reader

CSV = Delimited(("id",))
DOCUMENT = JsonDocument({"id": "id"})


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.csv"
    path.write_text("id\n1\n")
    return path


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path / "scratch", Limits(memory=200 * 2**20, wall_seconds=4, cpu_seconds=3))
    yield reader
    reader.close()
    assert list((tmp_path / "scratch").iterdir()) == []


def is_fine(reader: Reader, good: Path) -> bool:
    return [batch.to_pylist() for batch in reader.parsed(good, good.name, CSV).batches()] == [
        [{"id": "1", "undeclared": None, "_file": "good.csv", "_line": 2}]
    ]


def test_reading_a_file_imports_no_engine() -> None:
    """Half a second that each load of a file would wait for."""
    formats = ("delimited", "json_records", "columnar", "workbook")
    imports = "; ".join(f"import opetence_assets.sources.formats.{name}" for name in formats)
    told = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {imports}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", told], capture_output=True, text=True, check=True)

    assert {"polars", "pandera", "dlt", "dagster"} & set(done.stdout.split()) == set()


def test_one_process_reads_many_files(reader: Reader, good: Path) -> None:
    assert is_fine(reader, good)
    first = reader.pid
    assert is_fine(reader, good)
    assert reader.pid == first


def test_memory_is_bounded(reader: Reader, good: Path, tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    large.write_bytes(b"[" + b"{}," * 4_000_000 + b"{}]")  # 12 MB that become hundreds

    with pytest.raises(Refused, match=r"needs more memory than the 209,715,200 bytes allowed|takes more than"):
        reader.parsed(large, large.name, DOCUMENT)
    assert is_fine(reader, good)


def test_a_reader_that_hangs_is_ended(reader: Reader, good: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "endless.csv.gz")

    with pytest.raises(Refused, match=r"takes more than the 4 seconds allowed"):
        reader.parsed(tmp_path / "endless.csv.gz", "endless.csv.gz", CSV)
    assert is_fine(reader, good)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGXCPU"])
def test_a_reader_that_dies_refuses_its_file(name: str, reader: Reader, good: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "endless.csv.gz")
    assert is_fine(reader, good)
    with ThreadPoolExecutor(1) as other:
        reading = other.submit(reader.parsed, tmp_path / "endless.csv.gz", "endless.csv.gz", CSV)
        os.kill(reader.pid or 0, signal.Signals[name])
        reason = "seconds of CPU allowed" if name == "SIGXCPU" else rf"crashed its reader \({name}\)"
        with pytest.raises(Refused, match=reason):
            reading.result()
    assert is_fine(reader, good)


def test_a_defect_of_ours_refuses_the_file_and_quotes_nothing(reader: Reader, good: Path) -> None:
    with pytest.raises(Refused, match=r"^crashed its reader \(TypeError\)$"):
        reader.parsed(good, good.name, Delimited(("id",), delimiter="too long"))
    assert is_fine(reader, good)


def test_the_process_knows_no_secret_and_nothing_heavy() -> None:
    script = (
        "import sys, json; sys.path.insert(0, sys.argv[1])\n"
        "import opetence_assets.sources.formats.child, opetence_assets.sources.formats.delimited\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script, str(ROOT)], capture_output=True, check=True, env={})

    assert not {"dagster", "dlt", "polars", "pandera", "deltalake", "dbt"} & set(json.loads(done.stdout))


def test_the_process_loads_no_numpy(reader: Reader, good: Path) -> None:
    """Which Arrow would otherwise import: more than half of what reading a small file costs."""
    assert is_fine(reader, good)

    loaded = Path(f"/proc/{reader.pid}/maps").read_text()
    assert "libarrow" in loaded
    assert "numpy" not in loaded


@pytest.mark.parametrize("rows", [9_999, 10_000])
def test_lines_are_numbered_in_files_of_any_length(rows: int, reader: Reader, tmp_path: Path) -> None:
    long = tmp_path / "long.csv"
    long.write_text("id\n" + "1\n" * rows)

    lines = [line for batch in reader.parsed(long, long.name, CSV).batches() for line in batch["_line"]]

    assert [line.as_py() for line in lines] == list(range(2, rows + 2))
    assert str(lines[0].type) == "int32"


def test_the_environment_is_not_handed_on(reader: Reader, good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPETENCE_MASTER_KEY", "secret")
    assert is_fine(reader, good)

    assert b"secret" not in Path(f"/proc/{reader.pid}/environ").read_bytes()
