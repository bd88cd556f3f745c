"""Events posted in any order while the receiver is killed again and again; silver must have exactly what happened.

``python -m opetence_assets_tests.webhooks.storm 10000`` prints the figures.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from opetence_assets.datasets import dataset_named
from opetence_assets.ingestion.bronze import load
from opetence_assets.lake.places import Lake, lake_at
from opetence_assets.lake.tables import open_table
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings, read_settings
from opetence_assets_tests.conftest import environment
from opetence_assets_tests.kills import context
from opetence_assets_tests.webhooks.account import SPAN, START, Account, account, api_of
from sandbox.company.webhooks import signature

KILLS, TWICE, SENDERS, SECRET = 5, 0.05, 16, "whsec_storm"
DATASETS = ("payments/charges", "payments/events")


@dataclass
class Storm:
    """Deliveries under way."""

    bodies: Sequence[bytes]
    port: int
    acknowledged: int = 0
    lost: int = 0  # requests that died with the receiver, or found none
    news: threading.Condition = field(default_factory=threading.Condition)

    def deliver(self, bodies: Iterator[bytes]) -> None:
        """Posts until each is acknowledged, as Stripe does, with less patience."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while body := self.next_of(bodies):
            while not self.posted(connection, body):
                connection.close()  # it opens again by itself
                with self.news:
                    self.lost += 1
                    self.news.wait(0.02)
            with self.news:
                self.acknowledged += 1
                self.news.notify_all()
        connection.close()

    def posted(self, connection: http.client.HTTPConnection, body: bytes) -> bool:
        try:
            connection.request("POST", "/stripe", body, {"Stripe-Signature": signature(body, SECRET, int(time.time()))})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return False
        assert answer.status == 200, answer.status
        return True

    def next_of(self, bodies: Iterator[bytes]) -> bytes:
        with self.news:
            return next(bodies, b"")

    def reached(self, share: float) -> None:
        with self.news:
            self.news.wait_for(lambda: self.acknowledged >= share * len(self.bodies))


def serve(settings: Settings, port: int) -> None:
    from opetence_assets.command.webhooks import server_of

    server_of(settings, "127.0.0.1", port).run()


def storm(events: int, settings: Settings, *, seed: int = 1, loading: bool = True) -> dict[str, Any]:
    """Runs one and returns its figures.

    Raises:
        AssertionError: silver is not what happened, or bronze has an event twice.
    """
    told = account(events, seed)
    with api_of(told) as variables:
        settings = replace(
            settings, variables={**settings.variables, **variables, "STRIPE_WEBHOOK_SECRET": f"whsec_old,{SECRET}"}
        )
        lake = lake_at(settings)
        _round(lake, settings)  # lists the one charge that there is
        figures = _posted(told, lake, settings, seed, loading)
        started = time.perf_counter()
        _round(lake, settings)
        figures["last round, s"] = round(time.perf_counter() - started, 1)
        _right(told, lake)
        told.shown_until = 2**62  # the API has caught up: the same events once more
        _round(lake, settings)
        _right(told, lake)
        _round(lake, settings)
        left = sum(file.stat().st_size for file in (settings.home / "inbox").rglob("0*"))
        assert left == 0, "what bronze holds was not put away"
    return figures


def _posted(told: Account, lake: Lake, settings: Settings, seed: int, loading: bool) -> dict[str, Any]:
    chance, bodies = random.Random(seed), [json.dumps(event).encode() for event in told.events]
    bodies += chance.sample(bodies, int(TWICE * len(bodies)))
    chance.shuffle(bodies)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    storm, children = Storm(bodies, port), [_receiver(settings, port)]
    feed = iter(bodies)
    senders = [threading.Thread(target=storm.deliver, args=(feed,)) for _ in range(SENDERS)]
    started = time.perf_counter()
    for sender in senders:
        sender.start()
    for kill in range(1, KILLS + 1):
        storm.reached(kill / (KILLS + 1))
        os.kill(children[-1].pid, signal.SIGKILL)
        children.append(_receiver(settings, port))
        if kill == KILLS // 2:
            told.shown_until = START + SPAN // 2  # from here on what the inbox brings is often late
        if loading and kill < KILLS:
            _round(lake, settings)
    for sender in senders:
        sender.join()
    seconds = time.perf_counter() - started
    os.kill(children[-1].pid, signal.SIGTERM)
    for child in children:
        child.join()
    assert [child.exitcode for child in children[:-1]] == [-signal.SIGKILL] * KILLS
    return {
        "events": len(told.events),
        "deliveries": len(bodies),
        "kills": KILLS,
        "requests lost": storm.lost,
        "seconds": round(seconds, 1),
        "acknowledged/s": round(len(bodies) / seconds),
    }


def _receiver(settings: Settings, port: int) -> Any:
    child = context().Process(target=serve, args=(settings, port))
    child.start()
    return child


def _round(lake: Lake, settings: Settings) -> None:
    for name in DATASETS:
        dataset = dataset_named(name)
        load(dataset, lake, settings)
        refine(dataset, lake, settings.scratch)


def _right(told: Account, lake: Lake) -> None:
    charges = _table(lake, "silver/payments/charges")
    silver = {
        id: (refunded, status)
        for id, refunded, status in charges.select("charge_id", "amount_refunded", "status").rows()
    }
    wrong = [id for id, state in told.truth().items() if silver.get(id) != state]
    assert not wrong, f"{len(wrong)} charges are not as they are: {wrong[:3]}"
    assert len(silver) == len(told.charges)
    events = _table(lake, "silver/payments/events")["event_id"].sort().to_list()
    happened = sorted(event["id"] for event in told.events)
    assert events == happened, (len(events), len(happened), sorted(set(happened) ^ set(events))[:3])
    for name, key in (("charges", ["charge_id", "changed_at"]), ("events", ["event_id"])):
        bronze = _table(lake, f"bronze/payments/{name}")
        assert not bronze.select(pl.struct(key).is_duplicated().any()).item(), f"{name} has an event twice"


def _table(lake: Lake, key: str) -> pl.DataFrame:
    table = open_table(lake, key)
    assert table is not None, key
    return table.scan().collect()


@contextmanager
def own_settings() -> Iterator[Settings]:
    with tempfile.TemporaryDirectory(prefix="storm") as folder:
        yield read_settings(environment(Path(folder)))


if __name__ == "__main__":
    with own_settings() as settings:
        for name, figure in storm(int(sys.argv[1]), settings, loading="--quiet" not in sys.argv).items():
            print(f"{name:>16}  {figure:>10,}")  # noqa: T201
