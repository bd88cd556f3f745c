"""Excel: one sheet, as text; what a spreadsheet shows but does not hold (merged cells, errors, formulas never
calculated) refuses the file instead of becoming an empty value.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from opetence_assets.sources.formats.landing import Landing
from opetence_assets.sources.formats.specs import Refused, Workbook, headed
from opetence_assets.sources.limits import Limits

if TYPE_CHECKING:
    import pyarrow

_CHUNK = 2**20


def read_workbook(path: Path, spec: Workbook, landing: Landing, scratch: Path) -> None:
    """Lands all cells as text (numbers in digits, dates ISO); a blank cell is null, blank rows are left out.

    Raises:
        Refused: damaged, encrypted, larger than allowed, without the sheet or header, or cells that hold no value.
    """
    import fastexcel

    _refuse_defects(path, landing.limits)
    try:
        workbook = fastexcel.read_excel(path)
        if spec.sheet is not None and spec.sheet not in workbook.sheet_names:
            raise Refused(f"has no sheet {spec.sheet}")
        sheet = workbook.load_sheet(spec.sheet or 0, header_row=None, dtypes="string")
        cells = sheet.to_arrow()
    except fastexcel.FastExcelError as error:
        raise Refused(f"cannot be read as an Excel workbook ({type(error).__name__})") from None
    import pyarrow as pa

    if not len(cells):
        raise Refused("is empty")
    header = [str(column[0].as_py() or "") for column in cells.columns]
    names = headed(header, spec.columns)
    table = pa.Table.from_batches([cells]).slice(1).rename_columns(names).select(list(spec.columns))
    lines = pa.array(range(2, len(table) + 2), pa.int32())
    filled = _any_value(table)
    landing.write(table.filter(filled), lines.filter(filled))


def _any_value(table: pyarrow.Table) -> Any:
    import functools

    import pyarrow.compute as pc

    return functools.reduce(
        pc.or_,  # pyright: ignore[reportAttributeAccessIssue]
        (column.combine_chunks().is_valid() for column in table.columns),
    )


def _refuse_defects(path: Path, limits: Limits) -> None:
    """Looks through the sheets' own XML: the parser says nothing of what it leaves out."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            declared = sum(member.file_size for member in members)
            if declared > limits.unpacked:
                raise Refused(f"declares {declared:,} bytes when unpacked, more than the {limits.unpacked:,} allowed")
            counted = 0
            for member in members:
                if member.filename.startswith("xl/") and member.filename.endswith(".xml"):
                    sheet = _Cells(member.filename.startswith("xl/worksheets/"))
                    with archive.open(member) as xml:
                        while chunk := xml.read(_CHUNK):
                            counted += len(chunk)
                            if counted > limits.unpacked:
                                raise Refused(f"unpacks to more than the {limits.unpacked:,} bytes allowed")
                            sheet.feed(chunk)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, expat.ExpatError):
        raise Refused("is damaged, encrypted or no .xlsx file") from None


class _Cells:
    """What is wrong with the cells of one sheet; refuses at the first defect."""

    def __init__(self, is_sheet: bool) -> None:
        self._cell, self._formula, self._value = "", False, False
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._doctype
        if is_sheet:
            self._parser.StartElementHandler = self._start
            self._parser.EndElementHandler = self._end

    def feed(self, chunk: bytes) -> None:
        self._parser.Parse(chunk, False)

    def _doctype(self, *_: Any) -> None:
        raise Refused("declares XML entities, which no workbook needs")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        match tag.rpartition(":")[2]:
            case "c":
                self._cell, self._formula, self._value = attributes.get("r", "?"), False, False
                if attributes.get("t") == "e":
                    raise Refused(f"has an error value in cell {self._cell}")
            case "f":
                self._formula = True
            case "v":
                self._value = True
            case "mergeCell":
                raise Refused(f"has merged cells ({attributes.get('ref', '?')})")
            case _:
                pass

    def _end(self, tag: str) -> None:
        if tag.rpartition(":")[2] == "c" and self._formula and not self._value:
            raise Refused(f"has a formula without its result in cell {self._cell}")
