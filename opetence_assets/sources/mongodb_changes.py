"""A MongoDB collection by its change stream: everything once, then every insert, update and delete in its order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

from opetence_assets.dataset import DataError, Deletes, Extract, Extraction, Facts, redacted
from opetence_assets.sources.mongodb_server import answered, client_of, collection_of
from opetence_assets.sources.records import Noticed, Shape, tabled, value_at

if TYPE_CHECKING:
    import pyarrow
    from pymongo.collection import Collection

    from opetence_assets.settings import Settings

BATCH_ROWS = 5_000
AT_MOST = 1_000_000  # changes a load; the rest stays for the next
DELETED, POSITION = "_deleted", "_position"
CHANGED = ("insert", "update", "replace")
ID = "_id"


@dataclass(frozen=True)
class MongoChanges:
    """The changes of a collection; the cursor is the resume token of the newest that was read.

    A row's ``_position`` is its token, which sorts in the order of the changes. The first read takes the token before
    it takes the documents: what changes in between is told again, and wins. After a lost token a reload does the same,
    but deletions that happened meanwhile were never told.
    """

    system: str
    uri: str
    name: str
    of: str
    shape: Shape
    kind: str = "mongodb"
    since: date | None = None
    follows: ClassVar[bool] = True  # a look costs one query and a load only what changed: it may be taken at once

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.shape.fields)

    def extract(self, request: Extract, settings: Settings) -> Extraction:
        """Opens the stream. A window brings nothing: of an exact stream bronze holds every change up to its cursor.

        Raises:
            DataError: no server answers, or the token is older than what it remembers.
        """
        import polars as pl

        if request.dataset.deletes is not Deletes.TOLD:
            raise _refusal(request, f"deletes={request.dataset.deletes}", "Deletes.TOLD, since its rows say so")
        client = client_of(self.uri, settings, request.dataset.name)
        collection = collection_of(client, self.system, self.of)
        after = request.after["token"] if isinstance(request.after, Mapping) else None
        reading = _Read(self, request, collection, after)
        return Extraction(
            batches=iter([_table(reading, [])]) if request.window else _batches(reading),
            facts=reading.facts,
            close=client.close,
            rereads=pl.lit(False),
        )

    def fingerprint(self, dataset: Any, settings: Settings) -> str:
        """Changes with the token at the collection's end."""
        client = client_of(self.uri, settings, dataset.name)
        try:
            with answered(dataset.name, self.uri), collection_of(client, self.system, self.of).watch() as stream:
                token = stream.resume_token
        finally:
            client.close()
        return hashlib.sha256(repr(token).encode()).hexdigest()


@dataclass
class _Read:
    """A read under way: grows while its batches are consumed."""

    feed: MongoChanges
    request: Extract
    collection: Collection[dict[str, Any]]
    token: Mapping[str, Any] | None
    rows: int = 0
    noticed: Noticed = field(default_factory=Noticed)

    def facts(self) -> Facts:
        token = None if self.token is None or self.request.window else {"token": dict(self.token)}
        return Facts(self.rows, None, token, undeclared=tuple(sorted(self.noticed.undeclared)))


@dataclass(frozen=True)
class _Change:
    """A document as it became, or what is left of it: its key."""

    document: Mapping[str, Any]
    position: str
    deleted: bool


def _batches(reading: _Read) -> Iterator[pyarrow.Table]:
    yield _table(reading, [])
    waiting: list[_Change] = []
    with answered(reading.request.dataset.name, reading.feed.uri, rows=lambda: reading.rows):
        for change in _changes(reading):
            waiting.append(change)
            if len(waiting) >= BATCH_ROWS:
                yield _table(reading, waiting)
                waiting = []
    if waiting:
        yield _table(reading, waiting)


def _changes(reading: _Read) -> Iterator[_Change]:
    key = {path for column, path in reading.feed.shape.fields.items() if column in reading.request.dataset.key}
    before = None if key == {ID} else "whenAvailable"  # a deletion tells the _id only, unless it may tell more
    first = reading.token is None
    with reading.collection.watch(
        full_document="updateLookup",
        resume_after=reading.token,
        batch_size=BATCH_ROWS,
        full_document_before_change=before,
    ) as stream:
        if first:
            reading.token = stream.resume_token
            yield from _everything(reading)
        for _ in range(AT_MOST):
            event = stream.try_next()
            reading.token = stream.resume_token or reading.token
            if event is None:
                return
            change = _change(reading, event)
            if change is not None:
                yield change


def _everything(reading: _Read) -> Iterator[_Change]:
    position = _position(reading.token)
    secret = {reading.feed.shape.fields[column]: 0 for column in redacted(reading.request.dataset)}
    with reading.collection.find({}, secret or None, batch_size=BATCH_ROWS) as found:
        for document in found:
            yield _Change(document, position, False)


def _change(reading: _Read, event: Mapping[str, Any]) -> _Change | None:
    kind, position = event["operationType"], _position(event[ID])
    if kind in CHANGED:
        # Looked up after the change; None: it was deleted since, and its deletion is told next.
        document = event.get("fullDocument")
        return None if document is None else _Change(document, position, False)
    if kind != "delete":
        raise _refusal(reading.request, f"a collection that was changed by {kind}", "inserts, updates and deletes")
    gone = {**(event.get("fullDocumentBeforeChange") or {}), **event["documentKey"]}
    shape = reading.feed.shape
    paths = {column: shape.paths[column] for column in reading.request.dataset.key}
    if any(value_at(gone, path) is None for path in paths.values()):
        raise _refusal(
            reading.request,
            "a deletion that does not say whose",
            "deletions with the key: set changeStreamPreAndPostImages",
        )
    return _Change(gone, position, True)


def _table(reading: _Read, changes: list[_Change]) -> pyarrow.Table:
    """Rows of changes; of a deleted document only its key."""
    import pyarrow as pa

    shape, key = reading.feed.shape, reading.request.dataset.key
    only_key = Shape({column: shape.fields[column] for column in key})
    documents = [_only(change.document, only_key) if change.deleted else change.document for change in changes]
    table = tabled(documents, shape, reading.noticed)
    reading.rows += len(table)
    deleted = pa.array([change.deleted for change in changes], pa.bool_())
    positions = pa.array([change.position for change in changes], pa.large_string())
    return table.append_column(DELETED, deleted).append_column(POSITION, positions)


def _only(document: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """A document with nothing but some paths."""
    kept: dict[str, Any] = {}
    for path in shape.fields.values():
        *outer, last = path.split(".")
        place = kept
        for step in outer:
            place = place.setdefault(step, {})
        place[last] = value_at(document, path.split("."))
    return kept


def _position(token: Mapping[str, Any] | None) -> str:
    return str(token["_data"]) if token else ""


def _refusal(request: Extract, found: str, allowed: str) -> DataError:
    name = request.dataset.name
    return DataError(
        name,
        found=found,
        allowed=allowed,
        next_command=f"mend it at the source or in the declaration, then: opetence run --select {name} --reload",
    )
