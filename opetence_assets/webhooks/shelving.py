"""The writing side of inboxes: events become durable in groups, under the next number of each inbox they are for."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from opetence_assets.lake.places import Lake, deleted, files_before, put_new
from opetence_assets.sources.stripe_inbox import DIGITS, ID, Inbox, opened, sealed

MOST_EVENTS = 1_000  # of one group
KNOWN = 200_000  # events of inboxes remembered: a repeated delivery is stored once; feeds drop what slips through
LEFT_OVER = timedelta(hours=1)  # age of a file that a killed receiver left half written


Key = tuple[str, str]  # inbox, event: a receiver may have died between two inboxes of one event


@dataclass(frozen=True)
class Event:
    """A verified event: its id, its bytes, and the inboxes it is for."""

    id: str
    body: bytes
    inboxes: tuple[str, ...]


@dataclass
class Shelf:
    """The inboxes of a receiver.

    One group is written at a time; what arrives meanwhile is the next group, so that the disk is waited for once for
    all of them, however many there are.
    """

    inboxes: Mapping[str, Inbox]
    known: OrderedDict[Key, bytes] = field(default_factory=OrderedDict[Key, bytes])  # keyed digests of contents
    waiting: dict[tuple[Event, bytes], None] = field(default_factory=dict[tuple[Event, bytes], None])
    stored: asyncio.Future[None] | None = None  # the group that waits to be written
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    newest: dict[str, int] = field(default_factory=dict[str, int])  # inbox → its last number

    def open(self) -> None:
        """Makes the inboxes and remembers the events that lie in them."""
        for inbox in self.inboxes.values():
            inbox.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lake = _place(inbox)
            put_new(lake, ID, uuid4().hex.encode())
            deleted(lake, [p for p in files_before(lake, "", datetime.now(UTC) - LEFT_OVER) if p.endswith(".tmp")])
            for number in inbox.numbers():
                found = [(json.loads(body)["id"], body) for body in opened(inbox, number)]
                self._remember([((inbox.name, id), _digest(inbox, body)) for id, body in found])

    async def store(self, event: Event) -> bool:
        """Returns once the event is durable; False if it already was, with the very same content.

        Raises:
            OSError: it could not be written.
        """
        digest = _digest(self.inboxes[event.inboxes[0]], event.body)
        missing = tuple(name for name in event.inboxes if self.known.get((name, event.id)) != digest)
        if not missing:
            return False
        self.waiting[replace(event, inboxes=missing), digest] = None
        if self.stored is None:
            self.stored = asyncio.get_running_loop().create_future()
            task = asyncio.ensure_future(self._write_when_free(self.stored))
            self.stored.add_done_callback(lambda _: task)  # the loop keeps no reference of its own
        await asyncio.shield(self.stored)
        return True

    async def _write_when_free(self, stored: asyncio.Future[None]) -> None:
        async with self.writing:
            group = list(self.waiting)
            self.waiting, self.stored = {}, None
            try:
                await asyncio.to_thread(self._write, [event for event, _ in group])
            except OSError as error:
                stored.set_exception(error)
                return
            self._remember([((name, event.id), digest) for event, digest in group for name in event.inboxes])
            stored.set_result(None)

    def _write(self, events: Sequence[Event]) -> None:
        by_inbox = defaultdict[str, list[bytes]](list)
        for event in events:
            for name in event.inboxes:
                by_inbox[name].append(event.body)
        for name, bodies in by_inbox.items():
            for start in range(0, len(bodies), MOST_EVENTS):
                before = self.newest.get(name, 0)
                self.newest[name] = _append(self.inboxes[name], before, bodies[start : start + MOST_EVENTS])

    def _remember(self, keys: Sequence[tuple[Key, bytes]]) -> None:
        self.known.update(keys)
        while len(self.known) > KNOWN:
            self.known.popitem(last=False)


def _append(inbox: Inbox, before: int, bodies: Sequence[bytes]) -> int:
    """Adds a segment and returns its number: the next one, so that none appears behind a position already reached."""
    number = (before or max(inbox.numbers(), default=0)) + 1
    while not put_new(_place(inbox), f"{number:0{DIGITS}}", sealed(inbox, number, bodies)):
        number = max(inbox.numbers()) + 1  # another receiver was faster
    return number


def _place(inbox: Inbox) -> Lake:
    return Lake(str(Path(inbox.folder).resolve()))


def _digest(inbox: Inbox, body: bytes) -> bytes:
    return hmac.digest(inbox.master_key, body, sha256)[:16]
