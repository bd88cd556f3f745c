"""What the receiver takes and what it refuses, over HTTP."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from opetence_assets.dataset import DataError
from opetence_assets.settings import Settings
from opetence_assets.sources.stripe_inbox import Inbox, fingerprint, inbox_of, opened, received
from opetence_assets.webhooks.receiver import LARGEST, TOLERANCE, receiver
from opetence_assets.webhooks.shelving import Shelf
from opetence_assets_tests.webhooks.account import account
from sandbox.company.webhooks import signature

SECRET, NAME = "whsec_new", "payments/charges"
EVENT = account(4).events[1]
BODY = json.dumps(EVENT).encode()


@pytest.fixture
def inbox(settings: Settings) -> Inbox:
    return inbox_of(settings, NAME)


@pytest.fixture
def client(inbox: Inbox) -> Iterator[httpx.Client]:
    with served(receiver(Shelf({NAME: inbox}), ("whsec_old", SECRET), wanted)) as client:
        yield client


@contextmanager
def served(app: Starlette) -> Iterator[httpx.Client]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=2))
    listening = server.config.bind_socket()
    listening.listen()  # a request waits for the thread instead of being refused
    thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()


def wanted(kind: str) -> tuple[str, ...]:
    return (NAME,) if kind.startswith("charge.") else ()


def post(client: httpx.Client, body: bytes = BODY, *, secret: str = SECRET, age: int = 0) -> int:
    header = signature(body, secret, int(time.time()) - age)
    return client.post("/stripe", content=body, headers={"Stripe-Signature": header}).status_code


def bodies(inbox: Inbox) -> list[bytes]:
    return [body for number in inbox.numbers() for body in opened(inbox, number)]


def test_what_is_acknowledged_is_stored(client: httpx.Client, inbox: Inbox) -> None:
    assert post(client) == 200
    assert bodies(inbox) == [BODY]


def test_either_secret_signs_while_one_replaces_the_other(client: httpx.Client, inbox: Inbox) -> None:
    assert post(client, secret="whsec_old") == 200
    assert post(client, secret="whsec_older") == 400
    assert bodies(inbox) == [BODY]


def test_a_forged_a_stale_and_a_replayed_request_are_refused(client: httpx.Client, inbox: Inbox) -> None:
    signed = signature(BODY, SECRET, int(time.time()))
    forged = BODY.replace(b'"amount": 1000', b'"amount": 1001')
    assert forged != BODY
    assert client.post("/stripe", content=forged, headers={"Stripe-Signature": signed}).status_code == 400
    assert client.post("/stripe", content=BODY).status_code == 400
    assert client.post("/stripe", content=BODY, headers={"Stripe-Signature": "t=x,v1=y"}).status_code == 400
    assert post(client, secret="guessed") == 400
    assert post(client, age=TOLERANCE + 5) == 400  # stale, or replayed by somebody who recorded it
    assert bodies(inbox) == []


def test_the_same_event_again_is_acknowledged_and_stored_once(client: httpx.Client, inbox: Inbox) -> None:
    assert [post(client), post(client, age=3)] == [200, 200]
    assert bodies(inbox) == [BODY]


def test_the_same_id_with_another_content_is_stored_too(client: httpx.Client, inbox: Inbox) -> None:
    other = json.dumps({**EVENT, "pending_webhooks": 2}).encode()

    assert [post(client), post(client, other)] == [200, 200]
    assert bodies(inbox) == [BODY, other]


def test_a_receiver_that_starts_again_knows_what_it_has(client: httpx.Client, inbox: Inbox) -> None:
    post(client)
    with served(receiver(Shelf({NAME: inbox}), (SECRET,), wanted)) as again:
        assert post(again) == 200
    assert bodies(inbox) == [BODY]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"\xff", b'{"id": "evt_1"}', json.dumps({**EVENT, "created": 10**18}).encode(), b"[" * 100_000],
)
def test_a_signed_body_that_is_no_event_is_refused(client: httpx.Client, inbox: Inbox, body: bytes) -> None:
    assert post(client, body) == 400
    assert bodies(inbox) == []


def test_only_posts_of_a_sane_size_are_read(client: httpx.Client, inbox: Inbox) -> None:
    assert client.get("/stripe").status_code == 405
    assert post(client, b" " * (LARGEST + 1)) == 413
    assert client.get("/health").status_code == 200
    assert bodies(inbox) == []


def test_events_that_nobody_asked_for_are_acknowledged_and_forgotten(client: httpx.Client, inbox: Inbox) -> None:
    assert post(client, json.dumps({**EVENT, "type": "invoice.paid"}).encode()) == 200
    assert bodies(inbox) == []


def test_a_full_disk_is_no_acknowledgement(
    client: httpx.Client, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> bool:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, caplog.at_level(logging.DEBUG):
        patch.setattr("opetence_assets.webhooks.shelving.put_new", full)
        assert post(client) == 503
    assert post(client) == 200
    assert bodies(inbox) == [BODY]
    assert "example.com" not in caplog.text
    assert EVENT["id"] not in caplog.text


def test_nothing_personal_lies_in_the_clear(client: httpx.Client, inbox: Inbox) -> None:
    post(client)

    for file in inbox.folder.iterdir():
        assert b"example.com" not in file.read_bytes()
        assert EVENT["id"] not in file.name
    assert inbox.folder.stat().st_mode & 0o077 == 0


def test_the_fingerprint_moves_with_an_event_and_not_with_its_removal(client: httpx.Client, inbox: Inbox) -> None:
    post(client)
    before = fingerprint(inbox)
    taken = received(inbox, None)
    assert received(inbox, taken.position).events == {}
    assert fingerprint(inbox) == before
    assert bodies(inbox) == []
    post(client, json.dumps(account(4).events[2]).encode())

    assert fingerprint(inbox) != before
    assert len(received(inbox, taken.position).events) == 1


def test_a_segment_stays_until_a_position_says_that_it_is_held(client: httpx.Client, inbox: Inbox) -> None:
    post(client)

    assert received(inbox, None).events == received(inbox, None).events == {EVENT["id"]: EVENT}


def test_an_inbox_made_anew_is_read_from_its_start(client: httpx.Client, inbox: Inbox) -> None:
    post(client)

    assert len(received(inbox, {"id": "another", "at": 40}).events) == 1


def test_another_master_key_is_said(client: httpx.Client, inbox: Inbox) -> None:
    post(client)
    other = Inbox(inbox.folder, inbox.name, bytes(32))

    with pytest.raises(DataError, match=f"{NAME}: found a segment .* OPETENCE_MASTER_KEY"):
        received(other, None)
