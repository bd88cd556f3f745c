"""Packed JSON lines in a drop folder."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager

from opetence_assets.dataset import Dataset
from opetence_assets.sources.files import DropFolder
from opetence_assets.sources.texts import typed
from opetence_assets_tests.conformance.dropping import SINCE, Dropping, Record, dropped_into
from opetence_assets_tests.conformance.rig import Place, Rig, Thing

DATASET = Dataset(
    feed=DropFolder("rig").json_lines(
        "things", {"id": "id", "amount": "amount", "note": "note", "at": "at"}, since=SINCE
    ),
    key=("id",),
    cursor="at",
    schema=Thing,
    tidy=typed(Thing),
    owner="team:tests",
)


def written(records: Sequence[Record]) -> bytes:
    return gzip.compress("".join(_line(record) for record in records).encode(), 1)


def _line(record: Record) -> str:
    escaped = "\ud800" in str(record.get("note"))  # what UTF-8 cannot hold has to be spelt out
    return json.dumps(record, ensure_ascii=escaped) + "\n"


def spoil(dropping: Dropping) -> None:
    """A line that is cut in the middle of the newest file."""
    whole = gzip.decompress(dropping.last[-1].read_bytes())
    dropping.last[-1].write_bytes(gzip.compress(b'{"id":"T1","amo\n' + whole))


def opened(place: Place) -> AbstractContextManager[Rig]:
    return dropped_into(place, ".jsonl.gz", written, spoil)
