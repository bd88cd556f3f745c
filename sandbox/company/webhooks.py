"""Stripe's side of a webhook: events signed as Stripe signs them, and posted."""

from __future__ import annotations

import hmac
import http.client
import time
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

if TYPE_CHECKING:
    from sandbox.story import Story


def signature(body: bytes, secret: str, at: int) -> str:
    """The ``Stripe-Signature`` header of a body signed at a time (s)."""
    return f"t={at},v1={hmac.new(secret.encode(), b'%d.%b' % (at, body), sha256).hexdigest()}"


def posted(address: str, secret: str, events: Iterable[dict[str, Any]]) -> int:
    """Posts events to an address, one after the other, and returns how many there were.

    Raises:
        ConnectionError: an event was refused, or the receiver did not answer.
    """
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
    count = 0
    try:
        for count, event in enumerate(events, start=1):
            body = orjson.dumps(event)
            status = _status(connection, place.path, body, secret)
            if status != 200:
                raise ConnectionError(f"{address} answered {status} to event {count}")
    finally:
        connection.close()
    return count


def newest_events(story: Story, days: int) -> list[dict[str, Any]]:
    """The events of a story's newest days, oldest first."""
    import polars as pl

    from sandbox.company import stripe_objects

    told = stripe_objects.events(story)
    since = story.now // 1_000_000 - days * stripe_objects.DAY_SECONDS
    return stripe_objects.event_objects(story, told.filter(pl.col("created") >= since).reverse())


def _status(connection: http.client.HTTPConnection, path: str, body: bytes, secret: str) -> int:
    headers = {"Stripe-Signature": signature(body, secret, int(time.time())), "Content-Type": "application/json"}
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status
