"""A MongoDB of the tests' own: MongoDB's wire protocol by mockupdb, its queries by mongomock.

Its change stream is a list: every write through ``put`` and ``delete`` is told in it, in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import mongomock
from bson import Int64
from mockupdb import MockupDB
from pymongo import MongoClient


@dataclass
class Documents:
    """A running server.

    Attributes:
        page: documents of one answer.
        break_at: which page from now on is answered by hanging up; 0 for none.
        repeat: the next page but the first is delivered twice.
        forgotten: changes before this one (from 0) have left the oplog.
    """

    server: MockupDB
    page: int = 3
    break_at: int = 0
    repeat: bool = False
    forgotten: int = 0
    store: Any = field(default_factory=mongomock.MongoClient)
    changes: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    cursors: dict[int, Any] = field(default_factory=dict[int, Any])
    seen: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @property
    def uri(self) -> str:
        return f"mongodb://{self.server.address_string}/shop"

    def put(self, name: str, documents: Sequence[Mapping[str, Any]]) -> None:
        """Inserts or replaces documents by ``_id``."""
        for document in documents:
            known = self.store.shop[name].find_one({"_id": document["_id"]})
            self.store.shop[name].replace_one({"_id": document["_id"]}, dict(document), upsert=True)
            self._tell(name, "replace" if known else "insert", document["_id"])

    def delete(self, name: str, ids: Sequence[Any]) -> None:
        for identity in ids:
            self.store.shop[name].delete_one({"_id": identity})
            self._tell(name, "delete", identity)

    def _tell(self, name: str, kind: str, identity: Any) -> None:
        change = {"_id": _token(len(self.changes) + 1), "operationType": kind, "documentKey": {"_id": identity}}
        self.changes.append({**change, "ns": {"db": "shop", "coll": name}})

    def answer(self, request: Any) -> bool:
        """One command."""
        body = request.doc
        command = next(iter(body))
        self.seen.append(dict(body))
        match command.lower():
            case "hello" | "ismaster":
                request.replies(
                    ok=1, ismaster=True, isWritablePrimary=True, helloOk=True, minWireVersion=0, maxWireVersion=21,
                    localTime=utc(datetime.now(UTC)), maxBsonObjectSize=2**24,
                    maxMessageSizeBytes=48_000_000, readOnly=False,
                )  # fmt: skip
            case "saslstart":
                request.command_err(18, "Authentication failed for reader with s3cret")
            case "count":
                request.replies(ok=1, n=self.store.shop[body["count"]].count_documents({}))
            case "find":
                self._opened(request, body["find"], self._found(body))
            case "aggregate" if "$changeStream" in body["pipeline"][0]:
                self._watched(request, body["aggregate"], body["pipeline"][0]["$changeStream"])
            case "aggregate":
                rows = self.store.shop[body["aggregate"]].aggregate(body["pipeline"])
                self._opened(request, body["aggregate"], list(rows))
            case "getmore":
                self._more(request, body["getMore"], body["collection"])
            case _:
                request.replies(ok=1)
        return True

    def _found(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        found = self.store.shop[body["find"]].find(body.get("filter") or {}, dict(body.get("projection") or {}) or None)
        for path, direction in (body.get("sort") or {}).items():
            found = found.sort(path, direction)
        rows = list(found.limit(int(body["limit"])) if body.get("limit") else found)
        return rows

    def _opened(self, request: Any, name: str, rows: list[dict[str, Any]]) -> None:
        number = len(self.cursors) + 1
        self.cursors[number] = iter([rows[i : i + self.page] for i in range(0, len(rows), self.page)])
        self._page(request, name, number, "firstBatch")

    def _more(self, request: Any, number: int, name: str) -> None:
        if isinstance(self.cursors[number], int):  # a change stream, by the change it stands at
            self._told(request, name, number, "nextBatch")
        else:
            self._page(request, name, number, "nextBatch")

    def _page(self, request: Any, name: str, number: int, kind: str) -> None:
        if self._breaks(request):
            return
        rows = next(self.cursors[number], [])
        if self.repeat and kind == "nextBatch":
            self.repeat = False
            self.cursors[number] = iter([rows, *self.cursors[number]])
        ended = len(rows) < self.page
        self._reply(request, name, 0 if ended else number, kind, rows)

    def _breaks(self, request: Any) -> bool:
        if self.break_at:
            self.break_at -= 1
            if not self.break_at:
                if request:
                    request.hangup()
                return True
        return False

    def _watched(self, request: Any, name: str, options: Mapping[str, Any]) -> None:
        after = options.get("resumeAfter")
        start = int(after["_data"], 16) if after else len(self.changes)
        if start < self.forgotten:
            request.command_err(286, "Resume of change stream was not possible: ChangeStreamHistoryLost")
            return
        number = len(self.cursors) + 1
        self.cursors[number] = start
        self._told(request, name, number, "firstBatch")

    def _told(self, request: Any, name: str, number: int, kind: str) -> None:
        if self.break_at and self._breaks(None):
            request.command_err(2, "no longer: a@example.org")  # a connection that drops would be resumed by the client
            return
        start = self.cursors[number]
        page = self.changes[start : start + self.page]
        self.cursors[number] = start + len(page)
        told = [self._looked_up(change) for change in page if change["ns"]["coll"] == name]
        self._reply(request, name, number, kind, told, postBatchResumeToken=_token(start + len(page)))

    def _looked_up(self, change: dict[str, Any]) -> dict[str, Any]:
        document = self.store.shop[change["ns"]["coll"]].find_one(change["documentKey"])
        return change if change["operationType"] == "delete" else {**change, "fullDocument": document}

    def _reply(self, request: Any, name: str, number: int, kind: str, rows: list[Any], **more: Any) -> None:
        request.replies(ok=1, cursor={"id": Int64(number), "ns": f"shop.{name}", kind: rows, **more})


def _token(number: int) -> dict[str, str]:
    return {"_data": f"{number:016x}"}


@contextmanager
def documents() -> Iterator[Documents]:
    """An empty server on loopback; gone with the block."""
    server = MockupDB()
    running = Documents(server)
    server.autoresponds(running.answer)
    server.run()
    with MongoClient[Any](running.uri) as client:
        client.admin.command("ping")  # its thread is awake: it does not bear to be stopped before
    try:
        yield running
    finally:
        server.stop()


def utc(moment: datetime) -> datetime:
    """A moment as BSON keeps it: UTC without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None)
