"""A topic as rows: every message once, whatever happens to brokers, partitions and loaders."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from confluent_kafka import KafkaError, Producer

from opetence_assets.dataset import DataError, Dataset, Extract, Pii, Subject, Utc, Window
from opetence_assets.ingestion.bronze import Load, Request, load
from opetence_assets.lake.commits import CommitConflict
from opetence_assets.lake.places import Lake, lake_at
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.tables import open_table
from opetence_assets.refinement.quarantine import REASON
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings
from opetence_assets.sources.kafka import Kafka
from opetence_assets.sources.texts import typed
from opetence_assets_tests.kills import context, dying
from opetence_assets_tests.streams import Cluster, cluster

FIELDS = ("event_id", "user_id", "ip", "at", "quantity")
clicks_of = Kafka("clicks", "CLICKS_BROKERS", patience=5.0)


class Click(pa.DataFrameModel):
    event_id: pl.String
    user_id: pl.Int64 = pa.Field(nullable=True)
    ip: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.NETWORK})
    at: Utc
    quantity: pl.Int32


clicks = Dataset(
    feed=clicks_of.topic("clicks", FIELDS),
    key=("event_id",),
    cursor="at",
    schema=Click,
    tidy=typed(Click),
    subject=Subject("user", "user_id"),
    owner="team:tests",
)
few = replace(clicks, feed=clicks_of.topic("clicks", FIELDS, at_most=25))


def click(number: int) -> dict[str, Any]:
    return {
        "event_id": f"E{number}", "user_id": number % 5 or None, "ip": f"10.0.{number % 200}.7",
        "at": f"2026-03-01T12:00:{number % 60:02d}.123Z", "quantity": 1,
    }  # fmt: skip


@pytest.fixture(scope="module")
def brokers() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


@pytest.fixture
def topic(brokers: Cluster) -> Iterator[Cluster]:
    """An empty topic of four partitions."""
    brokers.topic("clicks", 4)
    yield brokers
    brokers.drop("clicks")


@pytest.fixture
def at(settings: Settings, brokers: Cluster) -> Settings:
    return addressed(settings, brokers)


def addressed(settings: Settings, brokers: Cluster) -> Settings:
    return replace(settings, variables={**settings.variables, "CLICKS_BROKERS": brokers.brokers})


def send(brokers: Cluster, numbers: range, partitions: int = 4) -> None:
    brokers.send_events("clicks", map(click, numbers), partitions)


def rows(lake: Lake) -> pl.DataFrame:
    table = open_table(lake, "bronze/clicks/clicks")
    assert table is not None
    return table.scan().collect()


def cursor(lake: Lake, done: Load) -> Any:
    return last_progress(lake, done.key, done.version)["cursor"]


def test_every_message_lands_once_with_its_position(topic: Cluster, lake: Lake, at: Settings) -> None:
    send(topic, range(1000))

    done = load(clicks, lake, at)

    assert (done.rows, done.source_rows) == (1000, 1000)
    assert rows(lake).select("_partition", "_offset").is_unique().all()
    assert rows(lake).sort("_partition", "_offset")["event_id"][:3].to_list() == ["E0", "E4", "E8"]
    assert "ip" not in rows(lake).columns
    assert rows(lake)["ip_network"].str.ends_with(".0/24").all()
    assert cursor(lake, done) == {"0": 250, "1": 250, "2": 250, "3": 250}


def test_the_next_load_reads_on_and_one_with_nothing_new_commits_nothing(
    topic: Cluster, lake: Lake, at: Settings
) -> None:
    send(topic, range(10))
    load(clicks, lake, at)
    send(topic, range(10, 13))

    assert load(clicks, lake, at).rows == 3
    assert load(clicks, lake, at).rows == 0
    assert sorted(rows(lake)["event_id"]) == sorted(f"E{n}" for n in range(13))


def test_duplicates_and_late_events_of_the_source_are_rows_like_any_other(
    topic: Cluster, lake: Lake, at: Settings
) -> None:
    send(topic, range(20))
    load(clicks, lake, at)
    topic.send_events("clicks", [click(3), {**click(99), "at": "2026-02-27T01:00:00.000Z"}], 4)

    assert load(clicks, lake, at).rows == 2
    refined = refine(clicks, lake, at.scratch)
    assert (refined.accepted, refined.duplicates) == (21, 1)


def test_poison_waits_in_quarantine_with_its_reason(topic: Cluster, lake: Lake, at: Settings) -> None:
    send(topic, range(50))
    wrong = [
        b'{"event_id":"E50","user',
        b"hello",
        None,
        b'{"event_id":"E51","at":"2026-03-01T12:00:00Z","quantity":"x"}',
    ]
    topic.send("clicks", ((0, message) for message in wrong))

    done = load(clicks, lake, at)
    refined = refine(clicks, lake, at.scratch)

    assert (done.rows, refined.accepted, refined.quarantined) == (54, 50, 4)
    table = open_table(lake, "quarantine/clicks/clicks")
    assert table is not None
    reasons = table.scan().sort("_offset").collect()[REASON].to_list()
    assert [reason.split(";")[0] for reason in reasons] == ["unreadable"] * 3 + ["quantity: null"]
    assert "unreadable" not in rows(lake).columns, "what cannot be read may be personal: it is sealed"
    assert rows(lake)["_sealed"].null_count() == 51, "what can be read is not sealed with it"


def test_undeclared_fields_are_sealed_and_reported(topic: Cluster, lake: Lake, at: Settings) -> None:
    topic.send_events("clicks", [click(1), {**click(2), "nickname": "Bunny"}], 1)

    assert load(clicks, lake, at).undeclared == ("nickname",)
    assert "undeclared" not in rows(lake).columns


def test_a_backlog_is_taken_in_loads_of_bounded_size(topic: Cluster, lake: Lake, at: Settings) -> None:
    send(topic, range(80))

    taken = [load(few, lake, at).rows for _ in range(5)]

    assert taken == [25, 25, 25, 5, 0]
    assert rows(lake)["event_id"].n_unique() == 80


def test_a_reload_in_bounded_loads_doubles_nothing(topic: Cluster, lake: Lake, at: Settings) -> None:
    send(topic, range(80))
    load(clicks, lake, at)

    assert [load(few, lake, at, request).rows for request in (Request(full=True), None, None, None)] == [0, 0, 0, 0]
    send(topic, range(80, 90))
    assert sum(load(few, lake, at).rows for _ in range(5)) == 10
    assert rows(lake)["event_id"].is_unique().all()


def test_a_backfilled_window_adds_nothing_and_leaves_the_cursor(topic: Cluster, lake: Lake, at: Settings) -> None:
    send(topic, range(40))
    load(clicks, lake, at)
    send(topic, range(40, 44))
    now = datetime.now(UTC)

    assert load(clicks, lake, at, Request(window=Window(now - timedelta(days=1), now))).rows == 0
    assert load(clicks, lake, at).rows == 4


def test_a_partition_added_later_is_read_from_its_beginning(brokers: Cluster, lake: Lake, at: Settings) -> None:
    brokers.topic("clicks", 2)
    send(brokers, range(10), 2)
    load(clicks, lake, at)
    brokers.drop("clicks")
    brokers.topic("clicks", 4)  # the mock cannot grow a topic: the same messages, and two partitions more
    send(brokers, range(10), 2)
    brokers.send("clicks", [(3, b'{"event_id":"E10"}')])

    done = load(clicks, lake, at)
    brokers.drop("clicks")

    assert done.rows == 1
    assert cursor(lake, done) == {"0": 5, "1": 5, "2": 0, "3": 1}


def test_what_retention_ate_is_said_with_partition_and_offsets(topic: Cluster, lake: Lake, at: Settings) -> None:
    send(topic, range(40))
    load(clicks, lake, at)
    send(topic, range(40, 80))
    topic.delete_records("clicks", 2, 15)

    with pytest.raises(DataError, match=r"retention removed before they were read \(2: 10 to 14\).*--reload"):
        load(clicks, lake, at)
    assert len(rows(lake)) == 40

    assert load(clicks, lake, at, Request(full=True)).rows == 35


def test_a_topic_made_anew_is_not_taken_for_the_old_one(topic: Cluster, lake: Lake, at: Settings) -> None:
    send(topic, range(40))
    load(clicks, lake, at)
    topic.drop("clicks")
    topic.topic("clicks", 3)

    with pytest.raises(DataError, match=r"end before what was read of them \(0: 10, it ends at 0; .*3 is gone\)"):
        load(clicks, lake, at)


def test_the_fingerprint_changes_with_a_message_and_with_nothing_else(topic: Cluster, at: Settings) -> None:
    send(topic, range(10))
    before = clicks.feed.fingerprint(clicks, at)

    assert clicks.feed.fingerprint(clicks, at) == before
    send(topic, range(1))
    assert clicks.feed.fingerprint(clicks, at) != before


def test_an_aborted_tail_ends_the_read(topic: Cluster, lake: Lake, at: Settings) -> None:
    send(topic, range(8))
    producer = Producer({"bootstrap.servers": topic.brokers, "transactional.id": "t"})
    producer.init_transactions(10)
    producer.begin_transaction()
    producer.produce("clicks", b'{"event_id":"never"}', partition=0)
    producer.flush(10)
    producer.abort_transaction(10)

    done = load(clicks, lake, at)

    assert done.rows >= 8  # the mock keeps no aborted-transaction index and shows what a broker would hide
    assert load(clicks, lake, at).rows == 0


def test_brokers_that_are_down_are_named_by_variable(settings: Settings, lake: Lake) -> None:
    gone = replace(settings, variables={**settings.variables, "CLICKS_BROKERS": "127.0.0.1:1"})
    hasty = replace(clicks, feed=replace(clicks_of, patience=0.5).topic("clicks", FIELDS))

    with pytest.raises(DataError, match=r"no Kafka answering at CLICKS_BROKERS within .* Next: ") as refusal:
        load(hasty, lake, gone)
    assert "127.0.0.1" not in str(refusal.value)


def test_wrong_credentials_are_refused_without_being_shown(topic: Cluster, lake: Lake, at: Settings) -> None:
    options = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}
    source = replace(clicks_of, user="CLICKS_USER", password="CLICKS_PASSWORD", options=options, patience=0.5)
    secret = replace(at, variables={**at.variables, "CLICKS_USER": "reader", "CLICKS_PASSWORD": "s3cret"})

    with pytest.raises(DataError, match="no Kafka answering at CLICKS_BROKERS") as refusal:
        load(replace(clicks, feed=source.topic("clicks", FIELDS)), lake, secret)
    assert "s3cret" not in str(refusal.value)
    assert "reader" not in str(refusal.value)


def test_a_broker_that_goes_away_in_mid_read_leaves_nothing(topic: Cluster, lake: Lake, at: Settings) -> None:
    send(topic, range(4000))
    hasty = replace(clicks, feed=replace(clicks_of, patience=1.0).topic("clicks", FIELDS))
    extraction = hasty.feed.extract(Extract(hasty), at)
    try:
        batches = iter(extraction.batches)
        next(batches)
        topic.down()
        with pytest.raises(DataError, match=r"topic clicks stopped after [\d,]+ messages"):
            list(batches)
    finally:
        topic.up()
        extraction.close()


def test_a_broker_that_refuses_for_a_while_is_waited_for(topic: Cluster, lake: Lake, at: Settings) -> None:
    send(topic, range(100))
    topic.refuse(1, KafkaError.NOT_LEADER_FOR_PARTITION, 3)

    assert load(clicks, lake, at).rows == 100


def load_in_child(settings: Settings, kill_at: int, steps: Any, start: Any, told: Any) -> None:
    start.wait()
    try:
        with dying(kill_at, steps):
            told.put(str(load(clicks, lake_at(settings), settings).rows))
    except CommitConflict as conflict:
        told.put(type(conflict).__name__)


def test_two_loads_at_once_bring_every_message_once(topic: Cluster, lake: Lake, at: Settings) -> None:
    forked = context()
    send(topic, range(500))
    start, told, steps = forked.Event(), forked.Queue(), forked.Value("i", 0)
    children = [forked.Process(target=load_in_child, args=(at, 0, steps, start, told)) for _ in range(2)]
    for child in children:
        child.start()
    start.set()
    answers = sorted(told.get(timeout=60) for _ in children)
    for child in children:
        child.join()

    assert answers[0] in ("0", "500")
    assert set(answers) <= {"0", "500", "CommitConflict"}
    assert rows(lake).select("_partition", "_offset").is_unique().all()
    assert len(rows(lake)) == 500


@pytest.mark.parametrize("share", [0.3, 0.8, 0.99])
def test_a_killed_load_is_made_good_by_the_next(topic: Cluster, lake: Lake, at: Settings, share: float) -> None:
    forked = context()
    start, told, steps = forked.Event(), forked.Queue(), forked.Value("i", 0)
    start.set()
    send(topic, range(100))

    def survives(kill_at: int) -> bool:
        child = forked.Process(target=load_in_child, args=(at, kill_at, steps, start, told))
        child.start()
        child.join()
        assert child.exitcode in (0, -signal.SIGKILL)
        return child.exitcode == 0

    assert survives(0)
    send(topic, range(100, 400))
    assert not survives(int(steps.value * share))
    load(clicks, lake, at)

    assert rows(lake).select("_partition", "_offset").is_unique().all()
    assert sorted(rows(lake)["event_id"]) == sorted(f"E{n}" for n in range(400))
