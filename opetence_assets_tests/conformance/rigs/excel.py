"""Excel workbooks in a drop folder."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import AbstractContextManager

from opetence_assets.dataset import Dataset
from opetence_assets.sources.files import DropFolder
from opetence_assets.sources.texts import typed
from opetence_assets_tests.conformance.dropping import SINCE, Record, dropped_into
from opetence_assets_tests.conformance.rig import Place, Rig, Thing

LARGEST_CELL = 65_000  # bytes of two-byte letters: a cell holds 32,767 characters
DATASET = Dataset(
    feed=DropFolder("rig").excel("things", ("id", "amount", "note", "at"), since=SINCE),
    key=("id",),
    cursor="at",
    schema=Thing,
    tidy=typed(Thing),
    owner="team:tests",
)


def written(records: Sequence[Record]) -> bytes:
    import openpyxl

    workbook, file = openpyxl.Workbook(), io.BytesIO()
    workbook.worksheets[0].append(list(records[0]))
    for record in records:
        workbook.worksheets[0].append(list(record.values()))
    workbook.save(file)
    return file.getvalue()


def opened(place: Place) -> AbstractContextManager[Rig]:
    return dropped_into(place, ".xlsx", written, odd=False, largest=LARGEST_CELL)  # XML has neither character
