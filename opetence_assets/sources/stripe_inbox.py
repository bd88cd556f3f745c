"""The inbox of a feed: events that a webhook brought, in sealed numbered segments, until bronze holds them.

``OPETENCE_HOME/inbox/<system>/<table>/`` has a file ``id`` and segments ``000000000001``, ``000000000002`` … The
receiver alone adds segments, each whole and durable under the next number (`opetence_assets.webhooks`). The feed reads
those behind the position in its cursor, which lands in the very commit that holds their rows, and empties them one load
later: what a crash leaves is read again or already held, never lost. The newest segment stays, emptied, so that numbers
never start again; the id tells an inbox that was lost and made anew from one that went on.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opetence_assets.dataset import DataError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from opetence_assets.settings import Settings

DIGITS, ID = 12, "id"
NONCE_BYTES = 12
LENGTH = struct.Struct(">I")
MOST_BYTES = 64 * 2**20  # of segments a load: they are held in memory


@dataclass(frozen=True)
class Inbox:
    """One feed's inbox: its folder, and the name that its segments are bound to."""

    folder: Path
    name: str
    master_key: bytes

    @cached_property
    def cipher(self) -> AESGCM:
        """A key of the inboxes alone, derived: what lies here is erased by emptying it, not by destroying a key."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        return AESGCM(HKDF(SHA256(), 32, None, b"opetence inbox").derive(self.master_key))

    @property
    def id(self) -> str | None:
        """None where no webhook was ever received."""
        try:
            return (self.folder / ID).read_text()
        except FileNotFoundError:
            return None

    def numbers(self) -> list[int]:
        """The segments that are there, emptied ones included, oldest first."""
        try:
            return sorted(int(name) for name in os.listdir(self.folder) if name.isdecimal() and len(name) == DIGITS)
        except FileNotFoundError:
            return []

    def path(self, number: int) -> Path:
        return self.folder / f"{number:0{DIGITS}}"


def inbox_of(settings: Settings, name: str) -> Inbox:
    """The inbox of a dataset (``payments/charges``)."""
    return Inbox(settings.home / "inbox" / name, name, settings.master_key)


def sealed(inbox: Inbox, number: int, bodies: Sequence[bytes]) -> bytes:
    """A segment: nonce ‖ AES-256-GCM of length-prefixed bodies, bound to the inbox and its number."""
    nonce = os.urandom(NONCE_BYTES)
    framed = b"".join(LENGTH.pack(len(body)) + body for body in bodies)
    return nonce + inbox.cipher.encrypt(nonce, framed, _bound(inbox, number))


def opened(inbox: Inbox, number: int) -> Iterator[bytes]:
    """The bodies of a segment; none if it was emptied.

    Raises:
        DataError: it was sealed under another master key, or altered.
    """
    from cryptography.exceptions import InvalidTag

    try:
        data = inbox.path(number).read_bytes()
    except FileNotFoundError:
        return  # another load, which will win the commit, has put it away
    if not data:
        return
    try:
        framed = inbox.cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], _bound(inbox, number))
    except InvalidTag:
        raise DataError(
            inbox.name,
            found=f"a segment of the inbox ({inbox.path(number)}) that this master key does not open",
            allowed="segments sealed under OPETENCE_MASTER_KEY",
            next_command="set the OPETENCE_MASTER_KEY that the receiver runs with; move the file away to give it up",
        ) from None
    at = 0
    while at < len(framed):
        (length,) = LENGTH.unpack_from(framed, at)
        at += LENGTH.size + length
        yield framed[at - length : at]


@dataclass(frozen=True)
class Received:
    """What a load takes from the inbox: the events by id, the position behind them, and whether more is waiting."""

    events: Mapping[str, dict[str, Any]]
    position: Mapping[str, Any] | None
    more: bool = False


NOTHING = Received({}, None)


def received(inbox: Inbox, position: Mapping[str, Any] | None) -> Received:
    """Events behind a position, at most some 64 MiB of segments; those up to it are put away, since bronze has them."""
    import json

    if (id := inbox.id) is None:
        return Received({}, position)
    folder = os.open(inbox.folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        numbers = inbox.numbers()
        os.fsync(folder)  # a position never gets ahead of segments that a power cut could still take back
    finally:
        os.close(folder)
    at = position["at"] if position and position["id"] == id else 0
    _put_away(inbox, [number for number in numbers if number <= at], newest=numbers[-1] if numbers else 0)
    events: dict[str, dict[str, Any]] = {}
    size = 0
    for number in (number for number in numbers if number > at):
        if size > MOST_BYTES:
            return Received(events, {"id": id, "at": at}, more=True)
        for body in opened(inbox, number):
            event = json.loads(body)
            events[event["id"]] = event
            size += len(body)
        at = number
    return Received(events, {"id": id, "at": at})


def waiting(inbox: Inbox, position: Mapping[str, Any] | None) -> Received:
    """The inbox left alone by a load that has no use for it: nothing taken, and whether something waits."""
    id, newest = inbox.id, max(inbox.numbers(), default=0)
    return Received({}, position, more=newest > (position["at"] if position and position["id"] == id else 0))


def fingerprint(inbox: Inbox) -> str:
    """Changes with every segment that is added, and with none that is put away."""
    numbers = inbox.numbers()
    return f"{inbox.id}-{numbers[-1]}" if numbers else ""


def _put_away(inbox: Inbox, numbers: Sequence[int], newest: int) -> None:
    for number in numbers:
        path = inbox.path(number)
        if number != newest:
            path.unlink(missing_ok=True)
        elif path.exists() and path.stat().st_size:
            empty = path.with_name(f"_{number}.{os.getpid()}.tmp")
            empty.touch(0o600)
            os.replace(empty, path)


def _bound(inbox: Inbox, number: int) -> bytes:
    return f"{inbox.name}/{number}".encode()
