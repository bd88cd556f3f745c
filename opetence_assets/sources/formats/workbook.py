"""Excel: one sheet, as text; what a spreadsheet shows but does not hold (merged cells, errors, formulas never
calculated) refuses the file instead of becoming an empty value.
"""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opetence_assets.sources.formats.landing import Landing
from opetence_assets.sources.formats.sheet_xml import Cells, sheet_cells
from opetence_assets.sources.formats.specs import Refused, Workbook, headed

if TYPE_CHECKING:
    import pyarrow

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_ROUNDED = Decimal("1e-9")  # the parser keeps nine decimals


def read_workbook(path: Path, spec: Workbook, landing: Landing, scratch: Path) -> None:
    """Lands all cells as text (numbers in digits, dates ISO); a blank cell is null, blank rows are left out.

    Raises:
        Refused: damaged, encrypted, larger than allowed, without the sheet or header, or cells that hold no value.
    """
    import fastexcel
    import pyarrow as pa

    scanned = sheet_cells(path, spec.sheet, landing.limits)
    try:
        sheet = fastexcel.read_excel(path).load_sheet(spec.sheet or 0, header_row=None, dtypes="string")
        cells = sheet.to_arrow()
    except fastexcel.FastExcelError as error:
        raise Refused(f"cannot be read as an Excel workbook ({type(error).__name__})") from None
    if not len(cells):
        raise Refused("is empty")
    columns = [_exact(column.to_pylist(), place, scanned) for place, column in enumerate(cells.columns)]
    names = headed([str(column[0] or "") for column in columns], spec.columns)
    table = pa.table([pa.array(column[1:], pa.string()) for column in columns], names=names)
    lines = pa.array(range(2, len(table) + 2), pa.int32())
    filled = _any_value(table)
    landing.write_columns(table.filter(filled), spec.columns, lines.filter(filled))


def _exact(texts: list[str | None], place: int, scanned: Cells) -> list[str | None]:
    """A column's values with the decimals that the parser rounds away, as the sheet's own XML has them."""
    for (row, column), stored in scanned.precise.items():
        if column - scanned.left != place:
            continue
        text, exact = texts[row - scanned.top], Decimal(repr(float(stored)))
        if text is None or not _NUMBER.fullmatch(text):
            continue  # a date or time: it is stored as a number, and is none
        if abs(Decimal(text) - exact) > _ROUNDED:
            raise Refused(f"has a number in row {row:,} that is read as another one")
        texts[row - scanned.top] = format(exact, "f")
    return texts


def _any_value(table: pyarrow.Table) -> Any:
    import pyarrow.compute as pc

    filled: Any = False
    for column in table.columns:
        filled = pc.call_function("or", [column.combine_chunks().is_valid(), filled])
    return filled
