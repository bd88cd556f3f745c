"""The MongoDB through MongoDB's own driver."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import AutoReconnect, OperationFailure

from sandbox.company.mongo import MongoServer

THINGS = [
    {"_id": ObjectId(f"{n:024x}"), "n": n, "updated_at": datetime(2025, 1, 1 + n % 28), "deep": {"text": "é" * (n % 3)}}
    for n in range(2_500)
]


@pytest.fixture
def server() -> Iterator[MongoServer]:
    with MongoServer(lambda: {"things": THINGS}, password="p/w:1") as server:
        yield server


@pytest.fixture
def database(server: MongoServer) -> Iterator[Database[dict[str, Any]]]:
    with client_of(server, "p%2Fw%3A1") as client:
        yield client["catalog"]


def client_of(server: MongoServer, password: str) -> MongoClient[dict[str, Any]]:
    return MongoClient(server.uri.replace("p/w:1", password), serverSelectionTimeoutMS=5_000)


def test_a_cursor_brings_every_document_in_batches(database: Database[dict[str, Any]]) -> None:
    found = list(database.things.find().sort([("updated_at", 1), ("_id", 1)]).batch_size(1_000))
    assert found == sorted(THINGS, key=lambda thing: (thing["updated_at"], thing["_id"]))
    assert len(list(database.things.find(batch_size=7, limit=20))) == 20


def test_filters_compare_dates_and_ids(database: Database[dict[str, Any]]) -> None:
    day, id = datetime(2025, 1, 14), THINGS[1_000]["_id"]
    after = {"$or": [{"updated_at": {"$gt": day}}, {"updated_at": day, "_id": {"$gt": id}}]}
    wanted = [t["n"] for t in THINGS if (t["updated_at"], t["_id"]) > (day, id)]
    found = list(database.things.find(after, {"n": 1, "deep.text": 1}).sort("n", 1))
    assert [thing["n"] for thing in found] == wanted
    assert set(found[0]) == {"_id", "n", "deep"}


def test_other_questions(database: Database[dict[str, Any]]) -> None:
    assert database.things.estimated_document_count() == database.things.count_documents({}) == 2_500
    assert database.things.count_documents({"n": {"$lt": 10}}) == 10
    assert list(database.things.aggregate([{"$group": {"_id": None, "n": {"$max": "$n"}}}])) == [
        {"_id": None, "n": 2_499}
    ]
    assert database.list_collection_names() == ["things"]
    assert "updated_at_1" in database.things.index_information()
    assert database.command("ping")["ok"] == 1
    with pytest.raises(OperationFailure, match="no such command"):
        database.command("shutdownEverything")


def test_documents_are_written(database: Database[dict[str, Any]]) -> None:
    many = database.new
    many.insert_many([{"_id": n, "text": "x" * 1_000} for n in range(3_000)])
    many.update_one({"_id": 1}, {"$set": {"text": "y"}})
    many.replace_one({"_id": -1}, {"text": "z"}, upsert=True)
    many.delete_one({"_id": 2})
    assert many.count_documents({}) == 3_000
    assert many.find_one({"_id": 1}) == {"_id": 1, "text": "y"}


def test_who_is_not_known_or_may_not_write_is_refused(server: MongoServer) -> None:
    with client_of(server, "wrong") as client, pytest.raises(OperationFailure, match="Authentication failed"):
        client["catalog"].things.find_one()
    unknown = MongoClient[Any](f"mongodb://127.0.0.1:{server.port}/?directConnection=true")
    with unknown as client, pytest.raises(OperationFailure, match="requires authentication"):
        client["catalog"].things.find_one()
    reading = MongoServer(dict, writable=False)
    with reading, MongoClient[Any](reading.uri) as client, pytest.raises(OperationFailure) as refused:
        client["catalog"].things.insert_one({})
    assert refused.value.code == 13


def test_a_connection_is_lost_in_the_middle_of_a_read(server: MongoServer, database: Database[dict[str, Any]]) -> None:
    cursor = database.things.find(batch_size=1_000)
    next(cursor)
    server.fail_after = 1
    with pytest.raises(AutoReconnect):
        list(cursor)
    assert len(list(database.things.find())) == 2_500


def test_a_cursor_survives_other_contents(server: MongoServer, database: Database[dict[str, Any]]) -> None:
    cursor = database.things.find(batch_size=1_000)
    next(cursor)
    server.commands.refill(lambda: {"things": THINGS[:3]})
    assert len(list(cursor)) == 2_499
    assert database.things.count_documents({}) == 3


def test_the_clock_can_be_the_storys() -> None:
    with (
        MongoServer(dict, clock=lambda: 1_700_000_000) as server,
        MongoClient[Any](server.uri) as client,
    ):
        assert client.admin.command("hello")["localTime"] == datetime(2023, 11, 14, 22, 13, 20)
