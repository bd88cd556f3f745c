"""What the systems serve now and how they misbehave: the only state that changes while they run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.requests import Request

    from sandbox.company.shelf import Shelf
    from sandbox.story import Story

Part = Callable[[str], Any]


@dataclass
class Faults:
    """Misbehaviour that was asked for: see ``POST /_control``.

    Attributes:
        fail_after: the how manieth next request dies, None for none.
        failures: how many requests die from then on.
        drop: a request that dies loses its connection in the middle of the answer; else it is answered 500.
        rate_limit: how many next requests are answered 429.
        limits: systems limit their rate on their own too, as the real ones do.
        duplicate_page: the next page that continues a list is the one before it again.
    """

    fail_after: int | None = None
    failures: int = 1
    drop: bool = False
    rate_limit: int = 0
    limits: bool = True
    duplicate_page: bool = False


@dataclass
class Serving:
    """One company's systems.

    Attributes:
        part: gives what is served under a name, such as ``payments/charges``; see `sandbox.company.parts`.
        now: the company's own time (s): the systems know nothing after it.
        told: the story that is served, where it is one.
        secrets: values of ``local.env`` that requests are checked against.
    """

    part: Part
    now: int
    secrets: Mapping[str, str]
    told: Story | None = None
    faults: Faults = field(default_factory=Faults)
    asked: dict[str, int] = field(default_factory=dict)
    pages: dict[str, bytes] = field(default_factory=dict)
    shelves: dict[str, tuple[Shelf, Shelf]] = field(default_factory=dict)
    reports: dict[str, tuple[Any, Any, bool]] = field(default_factory=dict)

    def count(self, system: str) -> int:
        """How often a system has been asked, this time included."""
        self.asked[system] = self.asked.get(system, 0) + 1
        return self.asked[system]

    def page(self, request: Request, content: Any, *, continues: bool) -> Response:
        """A page of a list as JSON."""
        import orjson

        body = orjson.dumps(content)
        path = request.url.path
        if self.faults.duplicate_page and continues and path in self.pages:
            self.faults.duplicate_page = False
            body = self.pages[path]
        self.pages[path] = body
        return Response(body, media_type="application/json")


class Prepared:
    """The parts of a story, each prepared when it is first asked for."""

    def __init__(self, story: Story | None) -> None:
        self.story = story
        self._made: dict[str, Any] = {}
        self._lock = threading.RLock()

    def __call__(self, name: str) -> Any:
        from sandbox.company.parts import made

        with self._lock:
            if name not in self._made:
                self._made[name] = made(self.story, name)
            return self._made[name]
