"""Stripe's webhooks as an ASGI application: verify, store, answer; in that order, and nothing else.

What is refused learns nothing but a status; what is logged names no content.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from opetence_assets.webhooks.shelving import Event, Shelf

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

PATH, HEALTH = "/stripe", "/health"
TOLERANCE = 300  # seconds between signing and arriving; an older request is a replay
LARGEST = 2**20  # bytes of a body; Stripe's are a few thousand
RECEIVED = b'{"received":true}'

logger = logging.getLogger(__name__)


def receiver(shelf: Shelf, secrets: Sequence[str], wanted: Callable[[str], tuple[str, ...]]) -> Starlette:
    """The application.

    Args:
        secrets: the endpoint's signing secrets; several while one is being replaced by another.
        wanted: the inboxes that an event of a type is for.
    """
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    async def stripe_event(request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return Response(status_code=413)
        if not genuine(body, request.headers.get("stripe-signature"), secrets):
            return Response(status_code=400)
        status = await _taken(body, shelf, wanted)
        return Response(RECEIVED if status == 200 else None, status, media_type="application/json")

    async def health(_: Request) -> Response:
        return Response(RECEIVED.replace(b"received", b"healthy"), media_type="application/json")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        import stripe  # takes a second, which no sender should wait for

        assert stripe
        shelf.open()
        yield

    routes = [Route(PATH, stripe_event, methods=["POST"]), Route(HEALTH, health)]
    return Starlette(routes=routes, lifespan=lifespan)


def genuine(body: bytes, header: str | None, secrets: Sequence[str]) -> bool:
    """Whether Stripe signed these bytes with one of the secrets within the tolerance."""
    import stripe

    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(body, header, secret, TOLERANCE)
        except (stripe.SignatureVerificationError, UnicodeDecodeError):
            continue
        return True
    return False


async def _body(request: Request) -> bytes | None:
    """The body, read no further than it may be long; None if it is longer."""
    chunks, size = list[bytes](), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > LARGEST:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


async def _taken(body: bytes, shelf: Shelf, wanted: Callable[[str], tuple[str, ...]]) -> int:
    event = _event(body)
    if event is None:
        logger.warning("a signed request is no event of the API that is read here")
        return 400
    inboxes = wanted(event["type"])
    if not inboxes:
        return 200  # nobody's; without this answer it would be sent for three days
    try:
        await shelf.store(Event(event["id"], body, inboxes))
    except OSError as error:
        logger.error("an event could not be stored (errno %s); it will be sent again", error.errno)
        return 503
    return 200


def _event(body: bytes) -> dict[str, Any] | None:
    """The event of a body, if it has all that a feed will ask of it."""
    try:
        event = json.loads(body)
        texts = (event["id"], event["type"], event["data"]["object"]["id"])
        moment = event["created"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    dated = isinstance(moment, int) and 0 <= moment < 2**32
    return event if dated and all(isinstance(text, str) and text.isascii() for text in texts) else None
