"""What a MongoDB is asked to do, done by mongomock."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mongomock import Collection, Database

Document = Mapping[str, Any]
Contents = Callable[[], Mapping[str, Sequence[Document]]]

OPEN = {"ping", "buildInfo", "buildinfo", "endSessions", "logout"}  # need no authentication
WRITES = {"insert", "update", "delete", "drop", "create", "createIndexes"}
FIRST_BATCH = 101
WIRE_VERSION = 21  # of MongoDB 7.0


class Failed(Exception):
    """A command failed, with MongoDB's number and name of the failure."""

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(message)
        self.code, self.name = code, name


def hello(command: Document, now: int) -> Document:
    """What a driver wants to know of a server that stands alone."""
    answer: dict[str, Any] = {
        "helloOk": True,
        "isWritablePrimary": True,
        "ismaster": True,
        "maxBsonObjectSize": 16 * 1024 * 1024,
        "maxMessageSizeBytes": 48_000_000,
        "maxWriteBatchSize": 100_000,
        "localTime": datetime.fromtimestamp(now, UTC) if now else datetime.now(UTC),
        "logicalSessionTimeoutMinutes": 30,
        "connectionId": 1,
        "minWireVersion": 0,
        "maxWireVersion": WIRE_VERSION,
        "readOnly": False,
        "ok": 1.0,
    }
    if "saslSupportedMechs" in command:
        answer["saslSupportedMechs"] = ["SCRAM-SHA-256"]
    return answer


class Commands:
    """One database's collections and the cursors on them."""

    def __init__(self, contents: Contents, database: str, *, writable: bool) -> None:
        self._contents, self._name, self._writable = contents, database, writable
        self._held: Database[Any] | None = None
        self._cursors: dict[int, tuple[str, list[Document]]] = {}
        self._ids = itertools.count(1_000)
        self._lock = threading.RLock()

    def refill(self, contents: Contents) -> None:
        """Hold other documents from now on; cursors that are open stay as they are."""
        with self._lock:
            self._contents, self._held = contents, None

    def run(self, name: str, command: Document) -> Document:
        """The answer to a command.

        Raises:
            Failed: there is no such command, or it may not be run.
        """
        does = _COMMANDS.get(name)
        if does is None:
            raise Failed(59, "CommandNotFound", f"no such command: '{name}'")
        if name in WRITES and not self._writable:
            raise Failed(13, "Unauthorized", f"not authorized on {command.get('$db')} to execute command {name}")
        with self._lock:
            return {**does(self, command), "ok": 1.0}

    def collection(self, name: str) -> Collection[Any]:
        return self._database[name]

    @property
    def _database(self) -> Database[Any]:
        if self._held is None:
            import mongomock

            self._held = mongomock.MongoClient()[self._name]
            for name, documents in self._contents().items():
                if documents:
                    self._held[name].insert_many(documents)
                self._held[name].create_index("updated_at")
        return self._held

    def _find(self, command: Document) -> Document:
        cursor = self.collection(command["find"]).find(
            command.get("filter") or {}, command.get("projection"), command.get("skip", 0), abs(command.get("limit", 0))
        )
        if command.get("sort"):
            cursor = cursor.sort(list(command["sort"].items()))
        single = command.get("singleBatch", False) or command.get("limit", 0) < 0
        return self._first_batch(command, command["find"], list(cursor), command.get("batchSize"), single)

    def _aggregate(self, command: Document) -> Document:
        name = command["aggregate"]
        found = list(self.collection(name).aggregate(command["pipeline"]))
        return self._first_batch(command, name, found, command.get("cursor", {}).get("batchSize"), False)

    def _first_batch(
        self, command: Document, name: str, found: list[Document], size: int | None, single: bool
    ) -> Document:
        size = FIRST_BATCH if size is None else size
        space = f"{command.get('$db', self._name)}.{name}"
        rest = [] if single else found[size:]
        id = next(self._ids) if rest else 0
        if rest:
            self._cursors[id] = (space, rest)
        return {"cursor": {"firstBatch": found[:size], "id": id, "ns": space}}

    def _get_more(self, command: Document) -> Document:
        id = int(command["getMore"])
        if id not in self._cursors:
            raise Failed(43, "CursorNotFound", f"cursor id {id} not found")
        space, rest = self._cursors.pop(id)
        size = command.get("batchSize") or len(rest)
        if rest[size:]:
            self._cursors[id] = (space, rest[size:])
        return {"cursor": {"nextBatch": rest[:size], "id": id if rest[size:] else 0, "ns": space}}

    def _kill(self, command: Document) -> Document:
        killed = [id for id in command["cursors"] if self._cursors.pop(id, None)]
        return {"cursorsKilled": killed, "cursorsNotFound": [], "cursorsAlive": [], "cursorsUnknown": []}

    def _count(self, command: Document) -> Document:
        found = self.collection(command["count"]).count_documents(command.get("query") or {})
        return {"n": min(found, command["limit"]) if command.get("limit") else found}

    def _distinct(self, command: Document) -> Document:
        return {"values": self.collection(command["distinct"]).distinct(command["key"], command.get("query") or {})}

    def _list_collections(self, command: Document) -> Document:
        found = [
            {"name": name, "type": "collection", "options": {}, "info": {"readOnly": False}}
            for name in self._database.list_collection_names()
        ]
        return {"cursor": {"firstBatch": found, "id": 0, "ns": f"{self._name}.$cmd.listCollections"}}

    def _list_indexes(self, command: Document) -> Document:
        name = command["listIndexes"]
        found = [
            {"v": 2, "key": {"_id": 1}, "name": "_id_"},
            {"v": 2, "key": {"updated_at": 1}, "name": "updated_at_1"},
        ]
        return {"cursor": {"firstBatch": found, "id": 0, "ns": f"{self._name}.{name}"}}

    def _insert(self, command: Document) -> Document:
        self.collection(command["insert"]).insert_many(command["documents"])
        return {"n": len(command["documents"])}

    def _update(self, command: Document) -> Document:
        matched = modified = 0
        for one in command["updates"]:
            collection, change = self.collection(command["update"]), one["u"]
            replaces = not any(key.startswith("$") for key in change)
            update = collection.replace_one if replaces else collection.update_one
            done = (collection.update_many if one.get("multi") else update)(one["q"], change, one.get("upsert", False))
            matched += done.matched_count + (done.upserted_id is not None)
            modified += done.modified_count or 0
        return {"n": matched, "nModified": modified}

    def _delete(self, command: Document) -> Document:
        deleted = 0
        for one in command["deletes"]:
            collection = self.collection(command["delete"])
            delete = collection.delete_one if one.get("limit") == 1 else collection.delete_many
            deleted += delete(one["q"]).deleted_count
        return {"n": deleted}

    def _drop(self, command: Document) -> Document:
        self._database.drop_collection(command["drop"])
        return {}

    def _nothing(self, command: Document) -> Document:
        return {"version": "7.0.14", "versionArray": [7, 0, 14, 0]} if len(command) and "buildInfo" in command else {}


_COMMANDS: dict[str, Callable[[Commands, Document], Document]] = {
    "find": Commands._find,
    "aggregate": Commands._aggregate,
    "getMore": Commands._get_more,
    "killCursors": Commands._kill,
    "count": Commands._count,
    "distinct": Commands._distinct,
    "listCollections": Commands._list_collections,
    "listIndexes": Commands._list_indexes,
    "insert": Commands._insert,
    "update": Commands._update,
    "delete": Commands._delete,
    "drop": Commands._drop,
    **dict.fromkeys((*OPEN, "create", "createIndexes"), Commands._nothing),
}
