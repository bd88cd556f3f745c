"""The process that hosts the systems: one story at a time, served by all of them."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from sandbox.company.app import company_app
from sandbox.company.process import digest
from sandbox.company.serving import Prepared, Serving
from sandbox.company.state import Company, held_story, hold_company, story_from
from sandbox.local_env import local_values
from sandbox.story import Story

SECOND = 1_000_000


@dataclass
class Host:
    """The systems of one home."""

    home: Path
    company: Company
    serving: Serving

    async def tell(self, values: Mapping[str, Any] | None) -> None:
        """Serve another story, or the same one day later; returns when every system does."""
        self.serve(None if values is None else story_from(dict(values)))

    def serve(self, story: Story | None) -> None:
        self.serving.part = Prepared(story)
        self.serving.now = 0 if story is None else story.now // SECOND
        self.serving.told = story
        self.company = replace(self.company, kafka="")
        hold_company(self.home, self.company)


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
    host = Host(home, company, Serving(Prepared(None), 0, values))
    host.serve(held_story(home))
    config = uvicorn.Config(
        company_app(host.serving, host.tell),
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    os.write(ready, b"1")
    os.close(ready)
    uvicorn.Server(config).run(sockets=[web])
