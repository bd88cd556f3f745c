"""A stream as rows, against moto's server: every record once, over reshards, throttling and expired iterators."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import polars as pl
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from opetence_assets.dataset import DataError, Window
from opetence_assets.ingestion.bronze import Request, load
from opetence_assets.lake.places import Lake
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.tables import open_table
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings
from opetence_assets.sources.kinesis import Kinesis, _batches, _Read
from opetence_assets.sources.kinesis_shards import Shard, _parents_first
from opetence_assets_tests.sources.test_kafka import FIELDS, click, clicks

account = Kinesis("taps", "TAPS_REGION", "TAPS_URL", "TAPS_KEY", "TAPS_SECRET")
taps = replace(clicks, feed=account.stream("taps", FIELDS))
few = replace(taps, feed=account.stream("taps", FIELDS, at_most=25))


@pytest.fixture
def service() -> Iterator[Any]:
    """A client of a service with an empty stream of two shards."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "kinesis",
        "eu-central-1",
        endpoint_url=f"http://{host}:{port}",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    client.create_stream(StreamName="taps", ShardCount=2)
    yield client
    client.delete_stream(StreamName="taps")
    client.close()
    server.stop()


@pytest.fixture
def at(settings: Settings, service: Any) -> Settings:
    named = {"TAPS_REGION": "eu-central-1", "TAPS_URL": service.meta.endpoint_url, "TAPS_KEY": "a", "TAPS_SECRET": "b"}
    return replace(settings, variables={**settings.variables, **named})


def send(service: Any, numbers: range) -> None:
    for start in range(numbers.start, numbers.stop, 500):
        records = [
            {"Data": json.dumps(click(n)).encode(), "PartitionKey": f"k{n}"}
            for n in range(start, min(start + 500, numbers.stop))
        ]
        assert service.put_records(StreamName="taps", Records=records)["FailedRecordCount"] == 0


def rows(lake: Lake) -> pl.DataFrame:
    table = open_table(lake, "bronze/taps/taps")
    assert table is not None
    return table.scan().collect()


def test_every_record_lands_once_with_its_position(service: Any, lake: Lake, at: Settings) -> None:
    send(service, range(60))

    done = load(taps, lake, at)

    assert (done.rows, done.source_rows) == (60, 60)
    assert rows(lake).select("_shard", "_sequence").is_unique().all()
    assert rows(lake)["_shard"].n_unique() == 2
    assert set(last_progress(lake, done.key, done.version)["cursor"]) == {
        "shardId-000000000000", "shardId-000000000001"
    }  # fmt: skip


def test_the_next_load_reads_on_and_one_with_nothing_new_commits_nothing(
    service: Any, lake: Lake, at: Settings
) -> None:
    send(service, range(20))
    first = load(taps, lake, at)
    assert load(taps, lake, at).version == first.version
    send(service, range(20, 33))

    assert load(taps, lake, at).rows == 13
    assert load(taps, lake, at, Request(full=True)).rows == 0
    now = datetime.now(UTC)
    assert load(taps, lake, at, Request(window=Window(now - timedelta(days=1), now))).rows == 0


def test_a_backlog_is_taken_in_loads_of_bounded_size(service: Any, lake: Lake, at: Settings) -> None:
    load(few, lake, at)
    send(service, range(1))
    load(few, lake, at)
    send(service, range(1, 71))

    assert sum(load(few, lake, at).rows for _ in range(4)) == 70
    assert rows(lake)["event_id"].n_unique() == 71


def test_a_reshard_loses_and_doubles_nothing(service: Any, lake: Lake, at: Settings) -> None:
    send(service, range(20))
    load(taps, lake, at)
    send(service, range(20, 40))
    shard = service.list_shards(StreamName="taps")["Shards"][0]
    low, high = (int(shard["HashKeyRange"][name]) for name in ("StartingHashKey", "EndingHashKey"))
    service.split_shard(StreamName="taps", ShardToSplit=shard["ShardId"], NewStartingHashKey=str((low + high) // 2))
    send(service, range(40, 80))

    load(taps, lake, at)

    assert rows(lake)["event_id"].n_unique() == 80
    assert load(taps, lake, at).rows == 0


def test_the_order_of_shards_is_that_of_their_families() -> None:
    found = [Shard("a", ("m",), None), Shard("m", ("y", "z"), "1"), Shard("z", ("gone",), "1"), Shard("y", (), "1")]

    assert [shard.name for shard in _parents_first(found)] == ["y", "z", "m", "a"]


class Family:
    """A stream of one parent and its child: moto moves a parent's records to its children, Kinesis leaves them."""

    def shards(self) -> list[Shard]:
        return [Shard("parent", (), "4"), Shard("child", ("parent",), None)]

    def read(self, shard: Shard, after: str | None) -> Iterator[list[dict[str, Any]]]:
        numbers = range(1, 5) if shard.name == "parent" else range(5, 9)
        yield [{"Data": b"{}", "SequenceNumber": str(n)} for n in numbers if n > int(after or 0)]


def test_a_child_waits_until_its_parent_is_read() -> None:
    feed = account.stream("taps", FIELDS, at_most=3)
    taken, newest = [], {"parent": "0"}
    for _ in range(3):
        reading = _Read(feed, Family(), newest, bounded=True)  # type: ignore[arg-type]
        taken.append([row["_sequence"] for table in _batches(reading) for row in table.to_pylist()])
        newest = reading.newest

    assert taken == [["1", "2", "3"], ["4", "5", "6"], ["7", "8"]]


def patched(monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], Callable[..., Any]]) -> None:
    """Lets a client answer otherwise than the server did: moto never throttles, expires or forgets."""
    original = boto3.client

    def client(*args: Any, **options: Any) -> Any:
        made = original(*args, **options)
        made.get_records = change(made)
        return made

    monkeypatch.setattr(boto3, "client", client)


def test_what_retention_ate_is_said(service: Any, lake: Lake, at: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    send(service, range(20))
    load(taps, lake, at)
    send(service, range(20, 60))

    def forgetful(made: Any) -> Callable[..., Any]:
        get_records = made.get_records

        def answer(**question: Any) -> Any:
            found = get_records(**question)
            return {**found, "Records": found["Records"][1:]}

        return answer

    patched(monkeypatch, forgetful)
    with pytest.raises(DataError, match=r"taps/taps: found retention has removed the newest record .*--reload"):
        load(taps, lake, at)
    assert len(rows(lake)) == 20


def test_expired_iterators_are_renewed(service: Any, lake: Lake, at: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    send(service, range(30))
    fails = iter([True, False, True, False])

    def expiring(made: Any) -> Callable[..., Any]:
        get_records = made.get_records

        def answer(**question: Any) -> Any:
            if next(fails, False):
                raise made.exceptions.ExpiredIteratorException({"Error": {"Code": "ExpiredIteratorException"}}, "x")
            return get_records(**question)

        return answer

    patched(monkeypatch, expiring)

    assert load(taps, lake, at).rows == 30


def test_a_stream_that_is_throttled_for_too_long_is_said(
    service: Any, lake: Lake, at: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttled(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "GetRecords")

    patched(monkeypatch, lambda _: throttled)

    with pytest.raises(DataError, match=r"refuses \(ProvisionedThroughputExceededException\)"):
        load(taps, lake, at)


def test_a_stream_that_is_not_there_is_named(lake: Lake, at: Settings) -> None:
    with pytest.raises(DataError, match="found no stream other"):
        load(replace(taps, feed=account.stream("other", FIELDS)), lake, at)


def test_poison_waits_in_quarantine(service: Any, lake: Lake, at: Settings) -> None:
    send(service, range(5))
    service.put_record(StreamName="taps", Data=b'{"event_id":"E9', PartitionKey="k")

    load(taps, lake, at)
    refined = refine(taps, lake, at.scratch)

    assert (refined.accepted, refined.quarantined) == (5, 1)


def test_the_fingerprint_changes_with_a_record_and_with_nothing_else(service: Any, at: Settings) -> None:
    send(service, range(10))
    before = taps.feed.fingerprint(taps, at)

    assert taps.feed.fingerprint(taps, at) == before
    send(service, range(10, 11))
    assert taps.feed.fingerprint(taps, at) != before
