"""One company's systems over HTTP in this process, telling a small story."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from sandbox.company.app import company_app
from sandbox.company.beside import served
from sandbox.company.credentials import credentials
from sandbox.company.serving import Faults, Prepared, Serving
from sandbox.story import Story

STORY = Story(7, 0.1, date(2025, 6, 1))
NEXT = replace(STORY, ticks=1)


@pytest.fixture(scope="session")
def running() -> Iterator[Serving]:
    serving = Serving(Prepared(STORY), STORY.now // 1_000_000, {}, told=STORY)
    with served(company_app(serving)) as address:
        serving.secrets = {**credentials({}, int(address.rpartition(":")[2]), 0)}
        yield serving


@pytest.fixture
def serving(running: Serving) -> Iterator[Serving]:
    """The systems as they are without faults, and without the ones that the real systems have of their own."""
    running.faults = Faults(limits=False)
    yield running
    running.faults = Faults(limits=False)
    running.part, running.now = Prepared(STORY), STORY.now // 1_000_000
