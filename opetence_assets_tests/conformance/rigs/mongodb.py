"""A collection read by cursor, over MongoDB's wire protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from opetence_assets.dataset import Dataset, Deletes
from opetence_assets.sources.mongodb import Mongo
from opetence_assets.sources.texts import typed
from opetence_assets_tests.conformance.rig import Place, Rig, Row, Thing
from opetence_assets_tests.documents import Documents, documents, utc

LAG = timedelta(minutes=10)
FIELDS = {"id": "_id", "amount": "amount", "note": "note", "at": "at"}
DATASET = Dataset(
    feed=Mongo("rig", uri="RIG_URI").collection("things", FIELDS, cursor="at", lag=LAG),
    key=("id",),
    cursor="at",
    schema=Thing,
    tidy=typed(Thing),
    deletes=Deletes.HARD,
    owner="team:tests",
)


@contextmanager
def opened(place: Place) -> Iterator[Rig]:
    with documents() as server:
        yield rig_of(server, late=LAG)


def rig_of(server: Documents, **more: Any) -> Rig:
    def put(rows: Sequence[Row]) -> None:
        server.put("things", [document(row) for row in rows])

    def drifted(kind: str, rows: Sequence[Row]) -> None:
        changes: dict[str, dict[str, Any]] = {
            "added": {"nickname": "Bunny"}, "removed": {"note": None}, "retyped": {"amount": "many"},
        }  # fmt: skip
        server.put("things", [{**document(row), **changes[kind]} for row in rows])

    def break_at(page: int) -> Callable[[], None]:
        server.break_at = page + 1  # the newest cursor is asked for first
        return lambda: None  # once

    def repeat_page() -> None:
        server.repeat = True

    settings: dict[str, Any] = {
        "variables": {"RIG_URI": server.uri},
        "put": put,
        "delete": lambda ids: server.delete("things", ids),
        "break_at": break_at,
        "repeat_page": repeat_page,
        "drifted": drifted,
        "wrong": {"RIG_URI": server.uri.replace("mongodb://", "mongodb://reader:s3cret@")},
        "secret": "s3cret",
        "odd": False,  # BSON's text is UTF-8: a lone surrogate cannot be sent
    }
    return Rig(**{**settings, **more})


def document(row: Row) -> dict[str, Any]:
    return {"_id": row.id, "amount": row.amount, "note": row.note, "at": utc(row.at)}
