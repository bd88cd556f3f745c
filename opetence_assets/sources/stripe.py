"""Stripe by its own client: objects are listed once, then followed by the events that say what became of them.

A list has no order of changes (``created`` never moves), so a list alone would miss every refund; events are kept for
thirty days, so they alone would miss the past. The time of the newest event, read before the list, joins the two.
Events come from the API and, sooner, from the inbox of webhooks; by their ids they are the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from opetence_assets.dataset import Cursor, Dataset, Extract, Extraction, Facts
from opetence_assets.sources.records import Noticed, Shape, again, tabled
from opetence_assets.sources.stripe_api import PAGE, answered, client_of, retrieved
from opetence_assets.sources.stripe_events import (
    CHANGED,
    LAG,
    LAG_SECONDS,
    LAST_OF_SECOND,
    LISTED,
    Listed,
    days,
    doubtful,
    in_order,
    listed_of,
    moment_text,
    shown,
    state,
)
from opetence_assets.sources.stripe_inbox import NOTHING, Received, fingerprint, inbox_of, received, waiting

if TYPE_CHECKING:
    import pyarrow

    from opetence_assets.settings import Settings

BATCH_ROWS = 10_000
KEPT = timedelta(days=28)  # events are kept for 30 days; with less than two to spare everything is listed again
EVENTS, INBOX = "events_since", "inbox"  # of a position


@dataclass(frozen=True)
class Stripe:
    """An account: the variables with its restricted (read-only) key and the API's address."""

    system: str
    key: str
    base: str

    def objects(self, name: str, kind: str, fields: Mapping[str, str], **declared: Any) -> StripeObjects:
        """Objects of one kind (``charge``); amounts are in the currency's minor unit, as Stripe has them."""
        return StripeObjects(self, name, kind, fields, **declared)


@dataclass(frozen=True)
class StripeObjects:
    """One kind of object, in its newest state.

    Attributes:
        kind_of_object: what ``object`` says in it: ``charge``, ``refund`` …, or ``event`` for the events themselves.
        event_types: the events whose ``data.object`` is one; empty for objects that never change.
    """

    source: Stripe
    name: str
    kind_of_object: str
    fields: Mapping[str, str]
    event_types: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    kind: str = "stripe"
    since: date | None = None

    @property
    def system(self) -> str:
        return self.source.system

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.fields, CHANGED)

    @property
    def path(self) -> str:
        return f"/v1/{self.kind_of_object}s"

    def takes(self, event_type: str) -> bool:
        """Whether an event of this type has something to tell it."""
        return self.kind_of_object == "event" or event_type in self.event_types

    @cached_property
    def shape(self) -> Shape:
        always = ("object", "livemode", "metadata", CHANGED)
        return Shape({**self.fields, CHANGED: CHANGED}, (*self.ignored, *always), cursor=CHANGED)

    def extract(self, request: Extract, settings: Settings) -> Extraction:
        """Opens the read: the whole list the first time (or after a month's pause), then events.

        Raises (while reading):
            DataError: unreachable, a refused key, a rate limit beyond patience.
        """
        read = _Read(self, request, settings)
        newest, read.now = read.page(*_newest_of(self))
        read.reach = max((_moment(item["created"]) for item in newest["data"]), default=None)
        read.newest = min(read.reach, read.now) if read.reach else None  # a time in the future must not hide others
        read.inbox = _inbox(read)
        read.listed = _just_listed(read) if read.since is None else listed_of(request.after)
        return Extraction(
            batches=_batches(read),
            facts=lambda: Facts(
                read.rows, None, _next(read), undeclared=tuple(sorted(read.noticed.undeclared)), more=read.inbox.more
            ),
            close=lambda: None,
            rereads=again(_earliest(read)) if read.since else None,
            # A listed state is news only if it differs from the newest held; an event is the event it is.
            states=read.since is None,
        )

    def fingerprint(self, dataset: Dataset, settings: Settings) -> str:
        """The newest event of its kinds (of objects without events, the newest object) and the inbox's newest."""
        client = client_of(self.source, settings, dataset.name)
        page, _ = answered(client, dataset.name, *_newest_of(self))
        return f"{[item['id'] for item in page['data']]}{fingerprint(inbox_of(settings, dataset.name))}"


@dataclass
class _Read:
    """A read under way: grows while its pages arrive."""

    feed: StripeObjects
    request: Extract
    settings: Settings
    rows: int = 0
    now: datetime = datetime.min  # by Stripe's clock, before anything was listed
    reach: datetime | None = None  # the newest event's time then
    newest: datetime | None = None  # the same, never beyond now
    inbox: Received = NOTHING
    listed: Listed | None = None
    noticed: Noticed = field(default_factory=Noticed)

    @cached_property
    def client(self) -> Any:
        return client_of(self.feed.source, self.settings, self.request.dataset.name)

    @cached_property
    def since(self) -> datetime | None:
        """Where events are taken up; None where they no longer reach back far enough and all is listed."""
        after = self.request.after
        position = after.get(EVENTS) if isinstance(after, Mapping) else None
        since = _moment(position) if position is not None else None
        return since if since is not None and since >= (self.newest or self.now) - KEPT else None

    def page(self, path: str, params: Mapping[str, Any]) -> tuple[dict[str, Any], datetime]:
        answer, headers = answered(self.client, self.request.dataset.name, path, params)
        return answer, parsedate_to_datetime(headers["Date"])


def _inbox(read: _Read) -> Received:
    """What webhooks brought. A list leaves it for the load after it: states as listed and states as told are compared
    with what is held in different ways.
    """
    if read.request.window:
        return NOTHING
    inbox, after = inbox_of(read.settings, read.request.dataset.name), read.request.after
    position = after.get(INBOX) if isinstance(after, Mapping) else None
    return waiting(inbox, position) if read.since is None and read.feed.event_types else received(inbox, position)


def _batches(read: _Read) -> Iterator[pyarrow.Table]:
    yield _landed(read, [])  # the schema, even of no records
    waiting: list[dict[str, Any]] = []
    for records in _records(read):
        waiting.extend(records)
        if len(waiting) >= BATCH_ROWS:
            yield _landed(read, waiting)
            waiting = []
    if waiting:
        yield _landed(read, waiting)


def _records(read: _Read) -> Iterator[list[dict[str, Any]]]:
    if not read.feed.event_types:
        yield from _unchanging(read)
    elif read.since is None:
        yield from _listed(read)
    else:
        yield from _followed(read, read.since)


def _unchanging(read: _Read) -> Iterator[list[dict[str, Any]]]:
    span = {"created": {"gte": int((read.since - LAG).timestamp())}} if read.since else _created(read)
    waiting = dict(read.inbox.events)
    for page in _pages(read, read.feed.path, span):
        for item in page:
            waiting.pop(item["id"], None)
        yield [{**item, CHANGED: moment_text(item["created"])} for item in page]
    yield [{**item, CHANGED: moment_text(item["created"])} for item in waiting.values()]


def _listed(read: _Read) -> Iterator[list[dict[str, Any]]]:
    for page in _pages(read, read.feed.path, _created(read)):
        yield [{**item, CHANGED: moment_text(_seen(read, item))} for item in page]


def _followed(read: _Read, since: datetime) -> Iterator[list[dict[str, Any]]]:
    """Events of the API and of the inbox, each once. Held in memory a day at a time."""
    start, waiting = since - LAG, [event for event in read.inbox.events.values() if not shown(read.listed, event)]
    latest = max((_moment(event["created"]) for event in waiting), default=start)
    late = [event for event in waiting if _moment(event["created"]) < start]
    yield _states(read, late, doubtful(late, read.listed, alone=read.inbox.events.keys()))
    for span in days(start, max(latest, read.reach or read.now)):
        alone = {event["id"]: event for event in waiting if span["gte"] <= event["created"] < span["lt"]}
        told = dict(alone)
        for page in _pages(read, "/v1/events", {"types": list(read.feed.event_types), "created": span}):
            for event in page:
                alone.pop(event["id"], None)
                if not shown(read.listed, event):
                    told[event["id"]] = event
        yield _states(read, told.values(), doubtful(told.values(), read.listed, alone))


def _states(read: _Read, events: Collection[Mapping[str, Any]], asked: Mapping[str, int]) -> list[dict[str, Any]]:
    """What events say of their objects, and what Stripe says itself of those whose order no event tells."""
    found = [state(event) for event in in_order(events)]
    for id, second in asked.items():
        now = retrieved(read.client, read.request.dataset.name, f"{read.feed.path}/{id}")
        if now is not None:
            found.append({**now, CHANGED: moment_text(second, LAST_OF_SECOND)})
    return found


def _just_listed(read: _Read) -> Listed | None:
    """What a list that starts now shows: the events that are visible before it."""
    if not read.feed.event_types or read.newest is None:
        return None
    second = int(read.newest.timestamp())
    asked = {"types": list(read.feed.event_types), "created": {"gte": second - LAG_SECONDS}}
    return Listed(second, frozenset(event["id"] for page in _pages(read, "/v1/events", asked) for event in page))


def _pages(read: _Read, path: str, params: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    after: dict[str, Any] = {}
    while True:
        page, _ = read.page(path, {"limit": PAGE, **params, **after})
        yield page["data"]
        if not page["has_more"] or not page["data"]:
            return
        after = {"starting_after": page["data"][-1]["id"]}


def _landed(read: _Read, records: list[dict[str, Any]]) -> pyarrow.Table:
    table = tabled(records, read.feed.shape, read.noticed)
    read.rows += len(table)
    # Of a listed state the time is only when it was seen: it makes no row a different one.
    return table if read.since and read.feed.event_types else table.drop_columns([CHANGED])


def _newest_of(feed: StripeObjects) -> tuple[str, dict[str, Any]]:
    if feed.event_types:
        return "/v1/events", {"limit": 1, "types": list(feed.event_types)}
    return feed.path, {"limit": 1}


def _seen(read: _Read, item: Mapping[str, Any]) -> int:
    """The time of a listed state: that of the newest event then. Not Stripe's now: an event that is still on its way
    would look older than what it changes.
    """
    return max(item["created"], int((read.newest or read.now).timestamp()))


def _earliest(read: _Read) -> datetime:
    assert read.since is not None
    inbox = (_moment(event["created"]) for event in read.inbox.events.values())
    return min((read.since - LAG, *inbox))


def _created(read: _Read) -> dict[str, Any]:
    """A window lists again what was made in it, as it is now."""
    window = read.request.window
    return {"created": {"gte": int(window.start.timestamp()), "lt": int(window.end.timestamp())}} if window else {}


def _next(read: _Read) -> Cursor | None:
    if read.request.window:
        return None  # what lies between the position and the window is as unread as before
    before = read.request.after if isinstance(read.request.after, Mapping) else {}
    newest = int(read.newest.timestamp()) if read.newest else None
    known = [value for value in (before.get(EVENTS), newest) if value is not None]
    inbox = {INBOX: read.inbox.position} if read.inbox.position else {}
    listed = {LISTED: read.listed.told()} if read.listed and read.listed.second >= max(known) - LAG_SECONDS else {}
    return {**({EVENTS: max(known)} if known else {}), **inbox, **listed} or None


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
