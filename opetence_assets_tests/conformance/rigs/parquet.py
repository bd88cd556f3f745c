"""Parquet files in a drop folder."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import AbstractContextManager

import pyarrow as pa
import pyarrow.parquet as pq

from opetence_assets.dataset import Dataset
from opetence_assets.sources.files import DropFolder
from opetence_assets.sources.texts import typed
from opetence_assets_tests.conformance.dropping import SINCE, Record, dropped_into
from opetence_assets_tests.conformance.rig import Place, Rig, Thing

TYPES = {"id": "string", "amount": "int64", "note": "string", "at": "string"}
DATASET = Dataset(
    feed=DropFolder("rig").parquet("things", TYPES, since=SINCE),
    key=("id",),
    cursor="at",
    schema=Thing,
    tidy=typed(Thing),
    owner="team:tests",
)


def written(records: Sequence[Record]) -> bytes:
    file = io.BytesIO()
    columns = {name: [record[name] for record in records] for name in records[0]}
    numbers = {name: pa.array(values, None if name == "amount" else pa.string()) for name, values in columns.items()}
    pq.write_table(pa.table(numbers), file)
    return file.getvalue()


def opened(place: Place) -> AbstractContextManager[Rig]:
    return dropped_into(place, ".parquet", written, odd=False)  # Arrow holds no half of a pair
