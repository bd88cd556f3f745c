"""CSV files in a drop folder."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from opetence_assets.dataset import Dataset
from opetence_assets.sources.files import DropFolder
from opetence_assets.sources.texts import typed
from opetence_assets_tests.conformance.dropping import SINCE, Record, dropped_into
from opetence_assets_tests.conformance.rig import Place, Rig, Thing

DATASET = Dataset(
    feed=DropFolder("rig").csv("things", ("id", "amount", "note", "at"), since=SINCE),
    key=("id",),
    cursor="at",
    schema=Thing,
    tidy=typed(Thing),
    owner="team:tests",
)


def written(records: Sequence[Record]) -> bytes:
    lines = [list(records[0]), *(record.values() for record in records)]
    return "".join(",".join("" if v is None else f'"{v}"' for v in line) + "\n" for line in lines).encode()


def opened(place: Place) -> AbstractContextManager[Rig]:
    return dropped_into(place, ".csv", written, odd=False)  # a NUL or half a pair refuses the file
