"""Kafka → bronze: events a CPU-second against reading the topic at all, and exactly once through kills and rivals."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.claims import Claim, Row
from benchmarks.measure import Contender, Cost, costs
from benchmarks.place import Place, settings_of
from benchmarks.sizes import Size

TOPIC, PARTITIONS = "page_views", 8
KILLED_AT = (0.2, 0.6, 1.0)  # of a load; at 1.0 everything is read and nothing committed
NAME, CONSUMED, PARSED = "Opetence load", "consumed, thrown away", "consumed and parsed to Arrow"
PROMISED = 10.0  # microseconds an event: 100,000 events a CPU-second


def claim(place: Place, size: Size) -> Claim:
    from opetence_assets_tests.streams import cluster_apart

    with cluster_apart({TOPIC: PARTITIONS}) as brokers:
        with (place.home / "local.env").open("a") as file:
            file.write(f"CLICKSTREAM_KAFKA_BROKERS={brokers.brokers}\n")
        half = size.medium // 2
        brokers.send(TOPIC, events(0, half))
        kills = sum(_killed(place, int(half * share)) for share in KILLED_AT)
        _load(str(place.home), 0)
        brokers.send(TOPIC, events(half, size.medium))
        _rivals(place)
        found = costs(_contenders(place), size.rounds)
        assert found[NAME].facts["rows"] == size.medium
        exactness = _exactness(place, size.medium)
    rows = [_row(found[NAME], "promise", PROMISED, size, 1.0)]
    rows += [_row(found[NAME], limit, _micros(found[limit], size), size) for limit in (CONSUMED, PARSED)]
    notes = [
        f"{1e6 / _micros(found[NAME], size):,.0f} events a CPU-second: consume, parse, protect, dlt, zstd Parquet,"
        " one Delta commit, every fsync. The brokers (librdkafka's own, on loopback) are not counted.",
        f"Exactness: {kills} loads killed by SIGKILL on their way, then two at once on the second half: {exactness}.",
    ]
    return Claim(f"Stream: {size.medium:,} events, {PARTITIONS} partitions, Kafka → bronze", rows, notes)


def events(start: int, stop: int) -> Iterator[tuple[int, bytes]]:
    """Page views by partition: one in a hundred comes twice, one in two thousand is cut off."""
    import orjson

    for number in range(start, stop):
        told = number - 8 if number % 100 == 99 else number
        clock = f"{told // 60 % 60:02}:{told % 60:02}"
        view = {
            "event_id": f"E{told:012d}",
            "session_id": f"S{told // 8:010d}",
            "user_id": None if told % 3 else told % 50_000,
            "ip": f"10.{told % 250}.{told % 13}.{told % 201}",
            "occurred_at": f"2026-03-01T12:{clock}.123Z",
            "sent_at": "2026-03-01T13:30:00.456Z",
            "url": f"/products/{told % 5_000}?campaign=C{told % 100}",
        }
        message = orjson.dumps(view)
        yield number % PARTITIONS, message[:-25] if number % 2_000 == 7 else message


def platform(home: str) -> Iterator[Any]:
    """The platform's own load of the whole topic into an empty lake."""
    import confluent_kafka
    import deltalake
    import dlt
    import dlt.destinations.impl.filesystem.filesystem
    import orjson
    import pyarrow.parquet

    from opetence_assets.datasets.clickstream.page_views import page_views
    from opetence_assets.ingestion.bronze import load
    from opetence_assets.lake.places import lake_at

    del confluent_kafka, deltalake, dlt, orjson, pyarrow
    settings = replace(settings_of(Path(home)), lake=f"{home}/scratch/lake")
    yield
    loaded = load(page_views, lake_at(settings), settings)
    yield {"rows": loaded.rows}


def extracted(home: str, parsed: bool) -> Iterator[Any]:
    """What the load cannot undercut: the topic read to its end, and parsed by the same code."""
    from confluent_kafka import Consumer, TopicPartition

    from opetence_assets.dataset import Extract
    from opetence_assets.datasets.clickstream.page_views import page_views

    settings = settings_of(Path(home))
    rows = 0
    if parsed:
        yield
        extraction = page_views.feed.extract(Extract(page_views), settings)
        rows = sum(map(len, extraction.batches))
        extraction.close()
        yield {"rows": rows}
        return
    brokers = settings.variables["CLICKSTREAM_KAFKA_BROKERS"]
    yield
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "limit", "enable.auto.commit": False})
    ends = [consumer.get_watermark_offsets(TopicPartition(TOPIC, p))[1] for p in range(PARTITIONS)]
    consumer.assign([TopicPartition(TOPIC, p, 0) for p in range(PARTITIONS)])
    while rows < sum(ends):
        rows += sum(message.value() is not None for message in consumer.consume(min(10_000, sum(ends) - rows), 1.0))
    consumer.close()
    yield {"rows": rows}


def _contenders(place: Place) -> list[Contender]:
    home = str(place.home)
    return [
        Contender(CONSUMED, __name__, "extracted", {"home": home, "parsed": False}),
        Contender(PARSED, __name__, "extracted", {"home": home, "parsed": True}),
        Contender(NAME, __name__, "platform", {"home": home}, before=lambda: _forget(place)),
    ]


def _forget(place: Place) -> None:
    shutil.rmtree(place.scratch / "lake", ignore_errors=True)


def _loads() -> Any:
    """Processes that have imported what a load needs."""
    from opetence_assets_tests.kills import context

    return context()


def _killed(place: Place, rows: int) -> bool:
    """A load that dies by SIGKILL once it has read so many rows."""
    child = _loads().Process(target=_load, args=(str(place.home), max(1, rows)))
    child.start()
    child.join()
    return child.exitcode == -signal.SIGKILL


def _rivals(place: Place) -> None:
    """Two loads at once."""
    children = [_loads().Process(target=_load, args=(str(place.home), 0)) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()


def _load(home: str, dies_at: int) -> None:
    from opetence_assets.datasets.clickstream.page_views import page_views
    from opetence_assets.ingestion.bronze import Request, load
    from opetence_assets.lake.commits import CommitConflict
    from opetence_assets.lake.places import lake_at

    def watch(rows: int) -> None:
        if dies_at and rows >= dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    settings = settings_of(Path(home))
    try:
        load(page_views, lake_at(settings), settings, Request(on_rows=watch))
    except CommitConflict:
        return  # the rival committed these rows


def _exactness(place: Place, expected: int) -> str:
    """What bronze and silver hold, against what was sent."""
    import polars as pl

    from opetence_assets.datasets.clickstream.page_views import page_views
    from opetence_assets.lake.places import lake_at
    from opetence_assets.lake.tables import open_table
    from opetence_assets.refinement.silver import refine

    settings = settings_of(place.home)
    lake = lake_at(settings)
    _load(str(place.home), 0)
    bronze = open_table(lake, page_views.table("bronze"))
    assert bronze is not None
    positions = bronze.scan().select(pl.struct("_partition", "_offset").n_unique()).collect().item()
    assert (bronze.rows, positions) == (expected, expected), f"{bronze.rows:,} rows, {positions:,} positions"
    done = refine(page_views, lake, place.scratch)
    broken = sum(number % 2_000 == 7 for number in range(expected))
    assert done.quarantined == broken, f"{done.quarantined:,} in quarantine, {broken:,} were cut off"
    return (
        f"{positions:,} offsets of {expected:,}, each once; silver {done.accepted:,}, duplicates {done.duplicates:,},"
        f" quarantine {done.quarantined:,}"
    )


def _micros(cost: Cost, size: Size) -> float:
    return cost.work * 1e6 / size.medium


def _row(cost: Cost, limit: str, value: float, size: Size, allowed: float | None = None) -> Row:
    return Row(NAME, _micros(cost, size), limit, value, allowed, cost, unit="µs/event")
