"""A real HTTP server in a thread of the test, with things to list and faults to order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PAGE = 3
Answer = Callable[[Request], "Response | Any"]


@dataclass
class Faults:
    """What the next requests for pages meet; each fault is used up by the requests it hits."""

    refuse: int = 0  # answers 429, that many times
    page: int = 0  # counts pages since a break was ordered
    breaks_at: int = 0  # this page and all later ones fail
    repeat: bool = False  # the second page brings the first one's rows before its own

    def break_at(self, page: int) -> Callable[[], None]:
        self.page, self.breaks_at = 0, page

        def mend() -> None:
            self.breaks_at = 0

        return mend

    def rate_limit(self, times: int) -> None:
        self.refuse = times

    def repeat_page(self) -> None:
        self.repeat = True

    def met(self) -> Response | None:
        """The faulty answer to a request for a page, if one is due."""
        if self.refuse:
            self.refuse -= 1
            return _error(429, "RESOURCE_EXHAUSTED", {"Retry-After": "0"})
        self.page += 1
        if self.breaks_at and self.page >= self.breaks_at:
            return _error(500, "INTERNAL")
        return None

    def start_of(self, number: int) -> int:
        """Where a page's rows start: one row list earlier where a page is to be repeated."""
        if self.repeat and number == 1:
            self.repeat = False
            return 0
        return number * PAGE


def _error(code: int, status: str, headers: dict[str, str] | None = None) -> Response:
    """In the words that Google's client insists on; the others look at the code only."""
    return JSONResponse({"error": {"code": code, "message": "not now", "status": status}}, code, headers)


@dataclass(frozen=True)
class Served:
    url: str
    faults: Faults = field(default_factory=Faults)


@contextmanager
def served(routes: dict[str, Answer], faults: Faults) -> Iterator[Served]:
    """Serves ``path → answer`` (any method) on a free port of the loopback until the block ends."""
    methods = ["GET", "POST"]
    app = Starlette(routes=[Route(path, _endpoint(answer), methods=methods) for path, answer in routes.items()])
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off"))
    socket = server.config.bind_socket()
    socket.listen()  # from here on a request waits for the thread instead of being refused
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]}, daemon=True)
    thread.start()
    try:
        yield Served(f"http://127.0.0.1:{socket.getsockname()[1]}", faults)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        socket.close()


def _endpoint(answer: Answer) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        await request.body()
        said = answer(request)
        return said if isinstance(said, Response) else JSONResponse(said)

    return endpoint
