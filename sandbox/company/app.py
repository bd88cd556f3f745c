"""The systems that speak HTTP, as one application, with the faults that were asked for.

``POST /_control`` takes JSON with the attributes of `Faults`; it is the sandbox's own, as are all paths with ``/_``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import orjson
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from sandbox.company import analytics, sheet, stripe, zendesk
from sandbox.company.serving import Faults, Serving
from sandbox.company.state import story_as_json

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

EVERY = {"support": 15, "web": 20}  # one in so many requests is one too many, as if others used the API too
Told = Callable[[Mapping[str, Any] | None], Awaitable[None]]


def company_app(serving: Serving, told: Told | None = None) -> ASGIApp:
    """The application of one company's systems.

    Args:
        told: what to do when the company is told how its story goes on (``POST /_story``).
    """

    async def control(request: Request) -> Response:
        asked: dict[str, Any] = orjson.loads(await request.body() or b"{}")
        if set(asked) - {field.name for field in fields(Faults)}:
            return Response("unknown fault", 400)
        serving.faults = Faults(**asked)
        return Response(status_code=204)

    async def story(request: Request) -> Response:
        if told is not None:
            await told(orjson.loads(await request.body()))
        return Response(b"{}", media_type="application/json")

    async def alive(request: Request) -> Response:
        told_story = None if serving.told is None else story_as_json(serving.told)
        return Response(orjson.dumps({"story": told_story}), media_type="application/json")

    routes = [
        Route("/_control", control, methods=["POST"]),
        Route("/_story", story, methods=["POST"]),
        Route("/_alive", alive),
        *stripe.routes(serving),
        *zendesk.routes(serving),
        *analytics.routes(serving),
        *sheet.routes(serving),
    ]
    return _misbehaving(Starlette(routes=routes), serving)


def _misbehaving(app: ASGIApp, serving: Serving) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_"):
            await app(scope, receive, send)
            return
        send = _dated(send, serving)
        faults = serving.faults
        if _dies(faults):
            await (_cut(send) if faults.drop else Response("Internal Server Error", 500)(scope, receive, send))
            return
        refused = _too_many(scope["path"], serving)
        await (refused or app)(scope, receive, send)

    return answer


def _dated(send: Send, serving: Serving) -> Send:
    """Answers say what time it is in the story, as their server's clock."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            now = formatdate(serving.now or None, usegmt=True)
            message = {**message, "headers": [*message["headers"], (b"date", now.encode())]}
        await send(message)

    return sent


def _dies(faults: Faults) -> bool:
    if faults.fail_after is None:
        return False
    faults.fail_after -= 1
    if faults.fail_after > 0:
        return False
    faults.failures -= 1
    if faults.failures <= 0:
        faults.fail_after = None
    return True


async def _cut(send: Send) -> None:
    """The beginning of an answer; the server closes the connection of one that is not complete."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
    await send({"type": "http.response.body", "body": b'{"object": "list", "data": [', "more_body": True})


def _too_many(path: str, serving: Serving) -> Response | None:
    """429 where it was asked for, and now and then where the real system has a limit that others share."""
    system = _system(path)
    if system is None:
        return None
    turn = serving.count(system)
    asked = serving.faults.rate_limit > 0
    often = EVERY.get(system)
    if not asked and not (serving.faults.limits and often and turn % often == often // 2):
        return None
    serving.faults.rate_limit = max(0, serving.faults.rate_limit - 1)
    if system == "support":
        refused = zendesk.too_many(1 if asked else turn // often if often else 1)
    else:
        refused = analytics.too_many() if system == "web" else stripe.too_many()
    if asked:
        refused.headers["Retry-After"] = "0"
    return refused


def _system(path: str) -> str | None:
    """Whose rate a request counts for; the token endpoint and the sheet have no limit."""
    for start, system in (("/v1/", "payments"), ("/api/v2/", "support"), ("/v1beta/", "web")):
        if path.startswith(start):
            return system
    return None
