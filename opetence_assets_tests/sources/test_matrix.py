"""Whatever a partner drops is loaded exactly as it was meant, or refused with the reason: nothing crashes, nothing is
loaded wrong.
"""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from itertools import product
from pathlib import Path

import polars as pl
import pytest

from opetence_assets.sources.formats.specs import Delimited, Refused
from opetence_assets.sources.limits import Limits
from opetence_assets.sources.numbers import decimal
from opetence_assets.sources.parsing import Reader
from opetence_assets_tests.sources.spoiled import CELL, COLUMNS, UNPACKED, Case, all_cases

CASES = all_cases()
DELIMITERS = (",", ";", "\t", "|")
ENDS = ("\n", "\r\n", "\r")
QUOTING = ("needed", "all", "single", "escaped")
DECIMALS = {".": ("-1,234,567.80", ","), ",": ("-1.234.567,80", "."), "plain": ("-1234567.8", "")}
PACKED = ("", ".gz", ".zip")
NOTES = {
    "utf-8": "Größe 日本 😀", "utf-8-sig": "Größe 日本 😀", "utf-16": "Größe 日本 😀", "cp1252": "Größe – „5 €“",
    "iso-8859-1": "Größe ½ é", "iso-8859-15": "Größe 5 € š", "cp1250": "Zażółć gęślą 5 €",
}  # fmt: skip


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    limits = Limits(unpacked=UNPACKED, cell=CELL, memory=600 * 2**20, cpu_seconds=30, wall_seconds=30)
    reader = Reader(tmp_path_factory.mktemp("scratch"), limits)
    yield reader
    reader.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_is_right_or_refused(case: Case, reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / case.file
    path.write_bytes(case.content)

    if case.reason is not None:
        with pytest.raises(Refused) as refusal:
            reader.parsed(path, case.file, case.spec)
        assert re.search(case.reason, str(refusal.value)), str(refusal.value)
        assert "crashed" not in str(refusal.value)
        return
    parsed = reader.parsed(path, case.file, case.spec)
    table = pl.concat([pl.DataFrame(batch) for batch in parsed.batches()])
    assert table.select(case.spec.columns).rows() == case.rows
    assert parsed.rows == len(case.rows or ())
    if "_broken" in table.columns:
        assert table["_broken"].is_not_null().sum() == case.broken


def test_every_dialect_is_loaded_value_by_value(reader: Reader, tmp_path: Path) -> None:
    wrong: list[str] = []
    count = 0
    for n, dialect in enumerate(product(DELIMITERS, NOTES, ENDS, QUOTING, DECIMALS, PACKED)):
        if n % 5:  # every value meets every other one in a fifth of them: five divides no number of choices
            continue
        count += 1
        delimiter, encoding, end, quoting, point, packed = dialect
        amount, thousands = DECIMALS[point]
        awkward = f'{NOTES[encoding]} "it\'s" {delimiter} a{end}b \\ c'
        rows = [("1", amount, NOTES[encoding]), ("2", None, awkward), ("", amount, "''\"\""), ("4", "-0", None)]
        spec = Delimited(
            COLUMNS, delimiter, encoding, "'" if quoting == "single" else '"', "\\" if quoting == "escaped" else None
        )
        name = f"x_2026-01-01.csv{packed}"
        path = tmp_path / name
        path.write_bytes(_packed(_written(rows, spec, end, always=quoting == "all").encode(encoding), packed))
        frame = pl.concat([pl.DataFrame(batch) for batch in reader.parsed(path, name, spec).batches()])
        exact = frame.select(decimal("amount", point="," if point == "," else ".", thousands=thousands)).to_series()
        if frame.select(COLUMNS).rows() != rows or exact.to_list()[0] != Decimal("-1234567.80"):
            wrong.append(f"{dialect}: {frame.rows()}")
    assert wrong[:3] == []
    assert count > 600


def test_the_matrix_is_as_large_as_it_claims() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 200


def _written(rows: list[tuple[str | None, ...]], spec: Delimited, end: str, *, always: bool) -> str:
    """CSV by hand: null is an empty field, an empty text a quoted one."""

    def field(value: str | None) -> str:
        if value is None:
            return ""
        special = (spec.delimiter or ",", spec.quote, spec.escape or spec.quote, "\r", "\n")
        if value and not always and not any(c in value for c in special):
            return value
        if spec.escape:
            value = value.replace(spec.escape, spec.escape * 2).replace(spec.quote, spec.escape + spec.quote)
        else:
            value = value.replace(spec.quote, spec.quote * 2)
        return f"{spec.quote}{value}{spec.quote}"

    lines = [COLUMNS, *rows]
    return "".join((spec.delimiter or ",").join(map(field, line)) + end for line in lines)


def _packed(content: bytes, packed: str) -> bytes:
    match packed:
        case ".gz":
            return gzip.compress(content, 1)
        case ".zip":
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("x.csv", content)
            return file.getvalue()
        case _:
            return content
