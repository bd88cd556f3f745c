"""The process that hosts the systems: one story at a time, served by all of them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psutil

from sandbox.clicks import PARTITIONS, first_day, messages
from sandbox.company.app import company_app
from sandbox.company.beside import configured
from sandbox.company.kafka import KafkaCluster, Message
from sandbox.company.mongo import MongoServer
from sandbox.company.process import digest
from sandbox.company.serving import Prepared, Serving
from sandbox.company.state import Company, held_story, hold_company, story_from
from sandbox.local_env import local_values
from sandbox.story import Story

SECOND = 1_000_000
COLLECTIONS = ("product_documents", "reviews")


@dataclass
class Host:
    """The systems of one home.

    Attributes:
        produced: the story whose messages the cluster holds; None for none.
    """

    home: Path
    company: Company
    serving: Serving
    mongo: MongoServer
    kafka: KafkaCluster
    produced: Story | None = None

    async def tell(self, values: Mapping[str, Any] | None) -> None:
        """Serve another story, or the same one day later; returns when every system does."""
        self.serve(None if values is None else story_from(dict(values)))

    def serve(self, story: Story | None) -> None:
        self._produce(story)
        part = Prepared(story)
        self.mongo.commands.refill(lambda: {name: part(f"catalog/{name}") for name in COLLECTIONS})
        self.serving.part = part
        self.serving.now = 0 if story is None else story.now // SECOND
        self.serving.told = story
        self.company = replace(self.company, kafka=self.kafka.bootstrap)
        hold_company(self.home, self.company)

    def _produce(self, story: Story | None) -> None:
        """Append what has arrived since to the topics; another story gets another cluster."""
        before = self.produced
        goes_on = before is not None and story is not None and replace(before, ticks=story.ticks) == story
        if before is not None and not (goes_on and story is not None and before.ticks <= story.ticks):
            self.kafka.close()
            self.kafka, before = KafkaCluster(PARTITIONS), None
        if story is not None:
            self.kafka.produce(_arriving(story, first_day(story) if before is None else before.now))
        self.produced = story


def _arriving(story: Story, since: int) -> Iterator[Message]:
    """The messages from a midnight on, a topic at a time."""
    for topic in PARTITIONS:
        yield from messages(story, topic, since, story.now).iter_rows()


def hosted(home: Path, http: int, mongo: int, ready: int) -> None:
    """Serve on these listening sockets; write one byte to ``ready`` when all systems answer."""
    import uvicorn

    values = local_values(home)
    web, catalog = socket.socket(fileno=http), socket.socket(fileno=mongo)
    process = psutil.Process()
    company = Company(
        pid=process.pid,
        created=process.create_time(),
        http=web.getsockname()[1],
        mongo=catalog.getsockname()[1],
        kafka="",
        secrets=digest(values),
    )
    password = unquote(urlsplit(values["CATALOG_MONGO_URI"]).password or "")
    serving = Serving(Prepared(None), 0, values)
    documents = MongoServer(dict, password=password, writable=False, listening=catalog, clock=lambda: serving.now)
    host = Host(home, company, serving, documents, KafkaCluster(PARTITIONS))
    host.serve(held_story(home))
    server = uvicorn.Server(configured(company_app(host.serving, host.tell)))
    os.write(ready, b"1")
    os.close(ready)
    server.run(sockets=[web])
