"""MongoDB: a collection by cursor field or ObjectId, an array of its documents as a child table, or its changes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from opetence_assets.dataset import Deletes, Extract, Extraction, Facts, redacted
from opetence_assets.sources.mongodb_changes import MongoChanges
from opetence_assets.sources.mongodb_server import answered, client_of, collection_of, server_time
from opetence_assets.sources.records import CURSOR, Noticed, Shape, again, tabled
from opetence_assets.sources.texts import moment_of

if TYPE_CHECKING:
    import polars as pl
    import pyarrow
    from pymongo.collection import Collection

    from opetence_assets.settings import Settings

BATCH_ROWS = 5_000
ID, PARENT = "_id", "parent"


@dataclass(frozen=True)
class Mongo:
    """A database: the system's name (the database's too, unless the address names one) and the address's variable."""

    system: str
    uri: str

    def collection(
        self,
        name: str,
        fields: Mapping[str, str],
        *,
        of: str | None = None,
        ignored: tuple[str, ...] = (),
        unwind: str | None = None,
        cursor: str | None = None,
        lag: timedelta = timedelta(0),
    ) -> MongoCollection:
        """A table of documents: ``fields`` is column → dotted path.

        Args:
            of: the collection, where it is not called like the table.
            ignored: paths that are known and left at the source.
            unwind: an array of documents: a row for each of them, and ``parent.`` before the paths of its document.
            cursor: the column that tells changes, a date; ``_id`` where ObjectIds do (documents never change).
            lag: how long a write may take to become visible after it was stamped.
        """
        known = (*ignored, ID) if unwind is None else (*ignored, PARENT)
        shape = Shape(fields, known, None if cursor == ID else cursor)
        return MongoCollection(self, name, of or name, shape, unwind, cursor, lag)

    def changes(
        self, name: str, fields: Mapping[str, str], *, of: str | None = None, ignored: tuple[str, ...] = ()
    ) -> MongoChanges:
        """The same table by the collection's change stream: for a dataset whose deletes are ``TOLD``."""
        return MongoChanges(self.system, self.uri, name, of or name, Shape(fields, (*ignored, ID)))


@dataclass(frozen=True)
class MongoCollection:
    """A collection read with memory for one batch, from a secondary where there is one.

    A document whose cursor field is no date is seen by a reload only: the server compares within one type.
    """

    source: Mongo
    name: str
    of: str
    shape: Shape
    unwind: str | None
    cursor: str | None
    lag: timedelta
    kind: str = "mongodb"
    since: date | None = None

    @property
    def system(self) -> str:
        return self.source.system

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.shape.fields)

    def path(self, column: str) -> str:
        """Where the server finds a column."""
        path = ID if column == ID else self.shape.fields[column]
        if self.unwind is None:
            return path
        return path.removeprefix(f"{PARENT}.") if path.startswith(f"{PARENT}.") else f"{self.unwind}.{path}"

    def extract(self, request: Extract, settings: Settings) -> Extraction:
        """Opens the read.

        Raises:
            DataError: no server answers, it refuses the credentials, or it fails halfway.
        """
        client = client_of(self.source.uri, settings, request.dataset.name)
        try:
            collection = collection_of(client, self.system, self.of)
            with answered(request.dataset.name, self.source.uri):
                reading = _Read(self, request, collection, server_time(client))
                if request.dataset.deletes is Deletes.HARD:
                    reading.total = _total(self, collection)
        except BaseException:
            client.close()
            raise
        return Extraction(
            batches=_batches(reading),
            facts=reading.facts,
            close=client.close,
            keys=partial(_keys, reading),
            rereads=_rereads(self, request),
        )

    def fingerprint(self, dataset: Any, settings: Settings) -> str:
        """Changes with the number of documents and the newest cursor: the server's own count and one index entry.

        A collection without a cursor may have changed at any time.
        """
        client = client_of(self.source.uri, settings, dataset.name)
        try:
            collection = collection_of(client, self.system, self.of)
            with answered(dataset.name, self.source.uri):
                path = self.path(self.cursor) if self.cursor else ID
                newest = collection.find_one({}, {path: 1, ID: 1}, sort=[(path, -1)]) if self.cursor else None
                state = (collection.estimated_document_count(), newest or server_time(client))
        finally:
            client.close()
        return hashlib.sha256(repr(state).encode()).hexdigest()


@dataclass
class _Read:
    """A read under way: grows while its batches are consumed."""

    feed: MongoCollection
    request: Extract
    collection: Collection[dict[str, Any]]
    now: datetime
    total: int | None = None
    rows: int = 0
    newest: datetime | None = None
    noticed: Noticed = field(default_factory=Noticed)

    def facts(self) -> Facts:
        newest = min(self.newest, self.now) if self.newest else None  # a date from the future must not hide others
        return Facts(self.rows, self.total, newest, undeclared=tuple(sorted(self.noticed.undeclared)))


def _batches(reading: _Read) -> Iterator[pyarrow.Table]:
    feed, name = reading.feed, reading.request.dataset.name
    yield _table(reading, [])
    waiting: list[dict[str, Any]] = []
    with answered(name, feed.source.uri, rows=lambda: reading.rows):
        secret = {feed.path(column): 0 for column in redacted(reading.request.dataset)}  # never leaves the server
        found = reading.collection.find(_filter(feed, reading.request), secret or None, batch_size=BATCH_ROWS)
        with found:
            for document in found:
                waiting.extend(_unwound(document, feed.unwind))
                if len(waiting) >= BATCH_ROWS:
                    yield _table(reading, waiting)
                    waiting = []
    if waiting:
        yield _table(reading, waiting)


def _unwound(document: dict[str, Any], path: str | None) -> list[dict[str, Any]]:
    if path is None:
        return [document]
    parent = {name: value for name, value in document.items() if name != path}
    children = document.get(path)
    found = children if isinstance(children, list) else []
    return [{**child, PARENT: parent} if isinstance(child, dict) else {PARENT: parent, path: child} for child in found]


def _table(reading: _Read, records: list[dict[str, Any]]) -> pyarrow.Table:
    import polars as pl
    import pyarrow as pa

    feed = reading.feed
    table = tabled(records, feed.shape, reading.noticed)
    if feed.cursor == ID:
        made = [(r[PARENT] if feed.unwind else r)[ID].generation_time for r in records]
        table = table.append_column(CURSOR, pa.array(made, pa.timestamp("us", "UTC")))
    if CURSOR in table.column_names:
        newest: Any = pl.Series(table[CURSOR]).max()
        reading.newest = max((moment for moment in (reading.newest, newest) if moment), default=None)
    reading.rows += len(table)
    return table


def _filter(feed: MongoCollection, request: Extract) -> dict[str, Any]:
    if request.window:
        path = feed.path(request.dataset.window_column)
        return {path: {"$gte": request.window.start, "$lt": request.window.end}}
    after = _after(feed, request)
    if after is None or feed.cursor is None:
        return {}
    if feed.cursor == ID:
        from bson import ObjectId

        return {ID: {"$gte": ObjectId.from_datetime(after)}}
    return {feed.path(feed.cursor): {"$gte": after}}  # >=: many documents may share one moment


def _after(feed: MongoCollection, request: Extract) -> datetime | None:
    if not isinstance(request.after, datetime):
        return None
    after = request.after - feed.lag
    return after.replace(microsecond=after.microsecond // 1000 * 1000).astimezone(UTC)  # BSON has milliseconds


def _rereads(feed: MongoCollection, request: Extract) -> pl.Expr | None:
    """The same span as ``_filter``, of bronze."""
    import polars as pl

    if request.window:
        moment = moment_of(pl.col(request.dataset.window_column))
        return moment.is_between(request.window.start, request.window.end, closed="left") | moment.is_null()
    after = _after(feed, request)
    if after is None or feed.cursor is None:
        return None
    return again(after.replace(microsecond=0) if feed.cursor == ID else after)


def _total(feed: MongoCollection, collection: Collection[dict[str, Any]]) -> int:
    """The number of documents, or of all their children."""
    if feed.unwind is None:
        return collection.estimated_document_count()
    children = {"$cond": [{"$isArray": f"${feed.unwind}"}, {"$size": f"${feed.unwind}"}, 0]}
    counted = list(collection.aggregate([{"$group": {ID: None, "n": {"$sum": children}}}]))
    return int(counted[0]["n"]) if counted else 0


def _keys(reading: _Read) -> pyarrow.Table:
    """The key of every document or child, as bronze has it."""
    feed, key = reading.feed, reading.request.dataset.key
    shape = Shape({column: feed.shape.fields[column] for column in key})
    wanted = {feed.path(column): 1 for column in key}
    with answered(reading.request.dataset.name, feed.source.uri):
        found = reading.collection.find({}, wanted, batch_size=BATCH_ROWS)
        records = [record for document in found for record in _unwound(document, feed.unwind)]
    return tabled(records, shape).select(list(key))
