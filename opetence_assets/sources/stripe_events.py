"""What Stripe's events say, and in what order: the same whatever the order they arrived in.

An event's time has whole seconds, so two events of one object may share theirs. Each event gets a place within its
second that depends on nothing but itself (an object's first event before the others, then by id): however events are
split over loads, shuffled or repeated, silver's newest state is that of the same event. That event need not be the last
one, so objects whose newest second is shared are asked for themselves, and the answer counts as the second's end.
``previous_attributes`` would settle most of these without asking; but not two that change the same field to and fro,
and none whose neighbour arrived in an earlier load.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

from opetence_assets.dataset import Cursor

CHANGED = "changed_at"  # bronze's column: when a state was known, with the place within the second
LISTED = "listed"  # of a position
LAG = timedelta(minutes=10)  # an event may become visible after younger ones
LAG_SECONDS = int(LAG.total_seconds())
FIRST = ("charge.succeeded", "charge.failed", "charge.pending")  # beside the types that end in .created
LAST_OF_SECOND = 999_999
_HALF = 499_999


@dataclass(frozen=True)
class Listed:
    """The newest list: states as of a second, and the last events that were visible before it."""

    second: int
    ids: frozenset[str]

    def told(self) -> dict[str, Any]:
        return {"second": self.second, "ids": sorted(self.ids)}


def listed_of(position: Cursor | None) -> Listed | None:
    """The list that a position still remembers: as long as events of before it are read again."""
    found = position.get(LISTED) if isinstance(position, Mapping) else None
    return Listed(found["second"], frozenset(found["ids"])) if found else None


def shown(listed: Listed | None, event: Mapping[str, Any]) -> bool:
    """Whether a list shows what the event did, so that it would only repeat an older state."""
    return listed is not None and (event["id"] in listed.ids or event["created"] < listed.second - LAG_SECONDS)


def doubtful(
    events: Collection[Mapping[str, Any]], listed: Listed | None, alone: Collection[str] = ()
) -> dict[str, int]:
    """The objects whose newest state no event tells for sure, and the second that their own answer stands for.

    Those with two events in their newest second; those with an event there that only the inbox knows (``alone``: its
    neighbours may have come in another load); those with an event that appeared after the list, older than the list.
    """
    asked, newest = contested(events), _newest(events)
    for event in events:
        id, second = event["data"]["object"]["id"], event["created"]
        if listed is not None and second <= listed.second:
            asked[id] = max(asked.get(id, 0), listed.second)
        elif event["id"] in alone and second == newest[id]:
            asked[id] = max(asked.get(id, 0), second)
    return asked


def place(event: Mapping[str, Any]) -> int:
    """The event's microsecond within its second, 1 to 999,998: a listed state has 0, an asked-for one 999,999."""
    first = event["type"] in FIRST or event["type"].endswith(".created")
    return 1 + crc32(event["id"].encode()) % _HALF + (0 if first else _HALF)


def in_order(events: Collection[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(events, key=lambda event: (event["created"], place(event), event["id"]))


def state(event: Mapping[str, Any]) -> dict[str, Any]:
    """The object of an event as it was then."""
    return {**event["data"]["object"], CHANGED: moment_text(event["created"], place(event))}


def contested(events: Collection[Mapping[str, Any]]) -> dict[str, int]:
    """The objects with several events in their newest second, and that second."""
    many = Counter((event["data"]["object"]["id"], event["created"]) for event in events)
    return {id: second for id, second in _newest(events).items() if many[id, second] > 1}


def _newest(events: Collection[Mapping[str, Any]]) -> dict[str, int]:
    return {event["data"]["object"]["id"]: event["created"] for event in in_order(events)}


def moment_text(second: int, micros: int = 0) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{micros:06}Z"


def days(start: datetime, end: datetime) -> Iterator[dict[str, int]]:
    """Closed-open spans of a day that cover both ends."""
    first, last, day = int(start.timestamp()), int(end.timestamp()), 86_400
    return ({"gte": second, "lt": second + day} for second in range(first, last + 1, day))
