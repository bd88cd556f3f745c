"""The process that hosts the systems: one a home, whatever happens to it, telling what PostgreSQL holds."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from confluent_kafka import Consumer, TopicPartition
from pymongo import MongoClient

from opetence_assets_tests.places import short
from opetence_assets_tests.sandbox.database import ask
from sandbox import down, is_up, seed, tick, up
from sandbox.clicks import PARTITIONS
from sandbox.company.state import Company, held_company, held_story, hold_story
from sandbox.local_env import local_values

UNTIL = date(2025, 6, 1)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sbx", dir=short()))
    seed(folder, 0.02, seed=7, until=UNTIL)
    yield folder
    down(folder)
    shutil.rmtree(folder)


def company(home: Path) -> Company:
    found = held_company(home)
    assert found is not None
    return found


def processes(home: Path) -> list[int]:
    """The pids of all processes of a home, those that only wait to be buried aside."""
    found = psutil.process_iter(["cmdline", "status"])
    return [p.pid for p in found if str(home) in (p.info["cmdline"] or []) and p.info["status"] != psutil.STATUS_ZOMBIE]


def charges(home: Path, **given: Any) -> list[dict[str, Any]]:
    values = local_values(home)
    headers = {"Authorization": "Bearer " + values["STRIPE_API_KEY"]}
    found: list[dict[str, Any]] = []
    with httpx.Client(base_url=values["STRIPE_API_BASE"], headers=headers) as client:
        while True:
            after = {"starting_after": found[-1]["id"]} if found else {}
            page = client.get("/v1/charges", params={"limit": 100, **given, **after}).json()
            found += page["data"]
            if not page["has_more"]:
                return found


def messages(home: Path) -> dict[tuple[str, int], list[bytes]]:
    """Every message of every partition, by offset from 0."""
    brokers = local_values(home)["CLICKSTREAM_KAFKA_BROKERS"]
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "test", "auto.offset.reset": "error"})
    parts = [TopicPartition(topic, number, 0) for topic, many in PARTITIONS.items() for number in range(many)]
    left = sum(consumer.get_watermark_offsets(part, timeout=10)[1] for part in parts)
    found: dict[tuple[str, int], list[bytes]] = {(part.topic, part.partition): [] for part in parts}
    consumer.assign(parts)
    while left:
        message = consumer.poll(10)
        assert message is not None
        assert message.error() is None
        held = found[message.topic() or "", message.partition() or 0]
        assert message.offset() == len(held)
        held.append(message.value() or b"")
        left -= 1
    consumer.close()
    return found


def documents(home: Path) -> list[dict[str, Any]]:
    with MongoClient[dict[str, Any]](local_values(home)["CATALOG_MONGO_URI"]) as client:
        return list(client.get_default_database().reviews.find().sort("_id", 1))


def test_all_systems_tell_what_postgresql_holds(home: Path) -> None:
    paid = "SELECT order_id, (total * 100)::bigint FROM order_service.orders"
    totals = dict(ask(home, paid))
    found = {charge["metadata"]["order_id"]: charge["amount"] for charge in charges(home)}
    same = sum(totals.get(order) == amount for order, amount in found.items())
    assert same / len(found) > 0.97
    delivered = {order for (order,) in ask(home, "SELECT order_id FROM order_service.orders WHERE status='delivered'")}
    assert {review["order_id"] for review in documents(home)} <= delivered
    assert {path.name for path in (home / "drop").iterdir()} >= {"google_ads", "braze_campaigns", "facebook_ads"}


def test_up_twice_is_one_process(home: Path) -> None:
    first = company(home)
    up(home)
    up(home)
    assert company(home) == first
    assert processes(home) == [first.pid]


def test_a_tick_reaches_every_system_before_it_returns(home: Path) -> None:
    before = charges(home), documents(home), messages(home)
    after_tick = tick(home)
    after = charges(home), documents(home), messages(home)
    assert held_story(home) == after_tick
    since = after_tick.now // 1_000_000 - 86_400
    new = {charge["id"] for charge in after[0]} - {charge["id"] for charge in before[0]}
    assert new == {charge["id"] for charge in charges(home, **{"created[gte]": since})} != set()
    assert {d["_id"] for d in before[1]} <= {d["_id"] for d in after[1]}
    assert all(after[2][part][: len(held)] == held for part, held in before[2].items())
    assert sum(map(len, after[2].values())) > sum(map(len, before[2].values()))


def test_a_killed_process_comes_back_with_the_same(home: Path) -> None:
    before = charges(home), documents(home), messages(home)
    killed = company(home)
    os.kill(killed.pid, signal.SIGKILL)
    assert not is_up(home)
    up(home)
    assert is_up(home)
    assert (charges(home), documents(home), messages(home)) == before
    again = company(home)
    assert (again.http, again.mongo) == (killed.http, killed.mongo)
    assert processes(home) == [again.pid]


def test_a_port_that_was_taken_meanwhile_is_given_up(home: Path) -> None:
    import socket

    before = company(home)
    down(home)
    with socket.create_server(("127.0.0.1", before.http)):
        up(home)
        assert company(home).http != before.http
        assert charges(home)


def test_up_repairs_a_story_that_was_not_told(home: Path) -> None:
    """As after a kill between PostgreSQL's commit and what follows it."""
    told = held_story(home)
    down(home)
    hold_story(home, None)
    up(home)
    assert held_story(home) == told
    assert charges(home)


def test_secrets_that_were_removed_are_made_anew(home: Path) -> None:
    file = home / "local.env"
    lines = file.read_text().splitlines()
    file.write_text("\n".join(line for line in lines if not line.startswith("STRIPE_API_KEY")) + "\n")
    up(home)
    assert charges(home)
    assert len(processes(home)) == 1


def test_it_outlives_its_starter_and_ignores_none_of_its_signals(home: Path) -> None:
    down(home)
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); from sandbox import up; up(sys.argv[1])"
    subprocess.run([sys.executable, "-W", "error", "-c", code, str(home)], check=True)
    process = psutil.Process(company(home).pid)
    assert process.is_running()
    assert os.getsid(process.pid) != os.getsid(0)
    process.send_signal(signal.SIGINT)
    psutil.wait_procs([process], timeout=10)
    assert processes(home) == []


def test_down_leaves_no_process_even_of_a_deleted_sandbox(home: Path) -> None:
    up(home)
    (home / "sandbox" / "company.json").unlink()
    down(home)
    assert processes(home) == []
    assert not is_up(home)


def test_another_process_with_its_pid_is_not_taken_for_it(home: Path) -> None:
    up(home)
    file = home / "sandbox" / "company.json"
    stale = file.read_text()
    down(home)
    file.write_text(stale.replace(f'"pid": {company(home).pid}', f'"pid": {os.getpid()}'))
    assert not is_up(home)
    up(home)
    assert charges(home)


def test_only_this_machine_can_reach_it(home: Path) -> None:
    up(home)
    listening = [c for c in psutil.Process(company(home).pid).net_connections("inet") if c.status == "LISTEN"]
    assert len(listening) == 3
    assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}
