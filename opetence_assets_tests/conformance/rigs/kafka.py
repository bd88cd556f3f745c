"""A topic, its things keyed to one of three partitions by id."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from confluent_kafka import KafkaError

from opetence_assets.dataset import Dataset
from opetence_assets.sources.kafka import Kafka
from opetence_assets.sources.texts import typed
from opetence_assets_tests.conformance.rig import Place, Rig, Row, Thing
from opetence_assets_tests.streams import cluster

PARTITIONS, NO_SUCH_BROKER = 3, "127.0.0.1:1"
FETCH = 1  # the number of the request in Kafka's protocol
DATASET = Dataset(
    feed=Kafka(
        "rig",
        brokers="RIG_BROKERS",
        password="RIG_PASSWORD",
        options={"message.max.bytes": 20_000_000, "fetch.message.max.bytes": 20_000_000},
        patience=3.0,
    ).topic("things", ("id", "amount", "note", "at")),
    key=("id",),
    cursor="at",
    schema=Thing,
    tidy=typed(Thing),
    owner="team:tests",
)


def message(row: Row) -> dict[str, Any]:
    return {"id": row.id, "amount": row.amount, "note": row.note, "at": row.at.isoformat()}


def spelt(record: dict[str, Any]) -> bytes:
    """JSON as a careless producer writes it: a lone surrogate passes."""
    import json

    return json.dumps(record).encode() if "\ud800" in str(record.get("note")) else orjson.dumps(record)


def drifted_messages(kind: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Messages that say more, less or something else than declared."""
    change: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "added": lambda record: {**record, "nickname": "Bunny"},
        "removed": lambda record: {name: value for name, value in record.items() if name != "note"},
        "retyped": lambda record: {**record, "amount": "many"},
    }
    return [change[kind](message(row)) for row in rows]


@contextmanager
def opened(place: Place) -> Iterator[Rig]:
    with cluster() as running:
        running.topic("things", PARTITIONS)

        def send(records: Sequence[dict[str, Any]]) -> None:
            keyed = ((sum(record["id"].encode()) % PARTITIONS, spelt(record)) for record in records)
            running.send("things", keyed, **{"message.max.bytes": 20_000_000})

        def break_at(page: int) -> Callable[[], None]:
            """One fetch may bring all there is, whatever the page: none is answered."""
            running.refuse(FETCH, KafkaError.KAFKA_STORAGE_ERROR, 10_000)
            return lambda: running.forgive(FETCH)

        yield Rig(
            variables={"RIG_BROKERS": running.brokers, "RIG_PASSWORD": "unused"},
            put=lambda rows: send([message(row) for row in rows]),
            break_at=break_at,
            rate_limit=lambda times: running.refuse(FETCH, KafkaError.NOT_LEADER_FOR_PARTITION, times),
            drifted=lambda kind, rows: send(drifted_messages(kind, rows)),
            poison=lambda: running.send("things", [(0, b'{"id":"T1","amo')]),
            wrong={"RIG_BROKERS": NO_SUCH_BROKER, "RIG_PASSWORD": "s3cret"},
            secret="s3cret",
            largest=3_000_000,  # the mock keeps 5 MB of a partition
        )
