"""A stream of two shards at moto's server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from opetence_assets.dataset import Dataset
from opetence_assets.sources.kinesis import Kinesis
from opetence_assets.sources.texts import typed
from opetence_assets_tests.conformance.rig import Place, Rig, Thing
from opetence_assets_tests.conformance.rigs.kafka import drifted_messages, message, spelt

DATASET = Dataset(
    feed=Kinesis("rig", "RIG_REGION", "RIG_URL", "RIG_KEY", "RIG_SECRET").stream(
        "things", ("id", "amount", "note", "at")
    ),
    key=("id",),
    cursor="at",
    schema=Thing,
    tidy=typed(Thing),
    owner="team:tests",
)


@contextmanager
def opened(place: Place) -> Iterator[Rig]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    client = boto3.client("kinesis", "eu-central-1", endpoint_url=url, **keys)
    client.create_stream(StreamName="things", ShardCount=2)

    def send(records: Sequence[dict[str, Any]]) -> None:
        for record in records:
            client.put_record(StreamName="things", Data=spelt(record), PartitionKey=record["id"])

    def poison() -> None:
        client.put_record(StreamName="things", Data=b'{"id":"T1","amo', PartitionKey="T1")

    try:
        yield Rig(
            variables={"RIG_REGION": "eu-central-1", "RIG_URL": url, "RIG_KEY": "a", "RIG_SECRET": "b"},
            put=lambda rows: send([message(row) for row in rows]),
            drifted=lambda kind, rows: send(drifted_messages(kind, rows)),
            poison=poison,
            wrong={"RIG_URL": "http://127.0.0.1:1", "RIG_SECRET": "s3cret"},  # moto takes any credentials
            secret="s3cret",
            largest=900_000,  # a record holds a megabyte
        )
    finally:
        client.delete_stream(StreamName="things")
        client.close()
        server.stop()
