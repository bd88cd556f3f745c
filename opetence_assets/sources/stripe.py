"""Stripe by its own client: objects are listed once, then followed by the events that say what became of them.

A list has no order of changes (``created`` never moves), so a list alone would miss every refund; events are kept for
thirty days, so they alone would miss the past. The time of the newest event, read before the list, joins the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from opetence_assets.dataset import Cursor, Dataset, Extract, Extraction, Facts
from opetence_assets.sources.records import Noticed, Shape, again, tabled
from opetence_assets.sources.stripe_api import asked, client_of

if TYPE_CHECKING:
    import pyarrow

    from opetence_assets.settings import Settings

PAGE = 100  # the most that Stripe gives
BATCH_ROWS = 10_000
KEPT = timedelta(days=28)  # events are kept for 30 days; with less than two to spare everything is listed again
LAG = timedelta(minutes=10)  # an event may become visible after younger ones
EVENTS, CHANGED = "events_since", "_changed_at"


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
        return tuple(self.fields)

    @property
    def path(self) -> str:
        return f"/v1/{self.kind_of_object}s"

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
        read.newest = max((_moment(item["created"]) for item in newest["data"]), default=None)
        since = _followed_since(read)
        return Extraction(
            batches=_batches(read),
            facts=lambda: Facts(read.rows, None, _next(read), undeclared=tuple(sorted(read.noticed.undeclared))),
            close=lambda: None,
            rereads=again(since - LAG) if since else None,
            states=True,
        )

    def fingerprint(self, dataset: Dataset, settings: Settings) -> str:
        """The newest event of its kinds; of objects without events, the newest object."""
        client = client_of(self.source, settings, dataset.name)
        page, _ = asked(client, dataset.name, *_newest_of(self))
        return str([item["id"] for item in page["data"]])


@dataclass
class _Read:
    """A read under way: grows while its pages arrive."""

    feed: StripeObjects
    request: Extract
    settings: Settings
    rows: int = 0
    now: datetime = datetime.min  # by Stripe's clock, before anything was listed
    newest: datetime | None = None  # event then
    noticed: Noticed = field(default_factory=Noticed)

    @cached_property
    def client(self) -> Any:
        return client_of(self.feed.source, self.settings, self.request.dataset.name)

    def page(self, path: str, params: Mapping[str, Any]) -> tuple[dict[str, Any], datetime]:
        answer, headers = asked(self.client, self.request.dataset.name, path, params)
        return answer, parsedate_to_datetime(headers["Date"])


def _batches(read: _Read) -> Iterator[pyarrow.Table]:
    yield tabled([], read.feed.shape)  # the schema, even of no records
    waiting: list[dict[str, Any]] = []
    for records in _records(read):
        waiting.extend(records)
        if len(waiting) >= BATCH_ROWS:
            yield _landed(read, waiting)
            waiting = []
    if waiting:
        yield _landed(read, waiting)


def _records(read: _Read) -> Iterator[list[dict[str, Any]]]:
    """Objects with the time at which they were known to be in this state."""
    since = _followed_since(read)
    if since is None:
        for page in _pages(read, read.feed.path, {}):
            yield [{**item, CHANGED: _seen(read, item)} for item in page]
    elif read.feed.event_types:
        for span in _days(since - LAG, read.newest or read.now):
            # Listed newest first: turned round, so that of one second the later event comes last.
            pages = list(_pages(read, "/v1/events", {"types": list(read.feed.event_types), "created": span}))
            for page in reversed(pages):
                yield [{**event["data"]["object"], CHANGED: event["created"]} for event in reversed(page)]
    else:
        for page in _pages(read, read.feed.path, {"created": {"gte": int((since - LAG).timestamp())}}):
            yield [{**item, CHANGED: item["created"]} for item in page]


def _days(start: datetime, end: datetime) -> Iterator[dict[str, int]]:
    """Closed-open spans of a day that cover both ends: events are held in memory a day at a time."""
    first, last, day = int(start.timestamp()), int(end.timestamp()), 86_400
    return ({"gte": second, "lt": second + day} for second in range(first, last + 1, day))


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
    # The typed cursor is the time; its text has served.
    return table.drop_columns([CHANGED]) if CHANGED in table.column_names else table


def _newest_of(feed: StripeObjects) -> tuple[str, dict[str, Any]]:
    if feed.event_types:
        return "/v1/events", {"limit": 1, "types": list(feed.event_types)}
    return feed.path, {"limit": 1}


def _seen(read: _Read, item: Mapping[str, Any]) -> int:
    """The time of a listed state: that of the newest event then, for an object that changes; its own for one that
    does not. Not Stripe's now: an event that is still on its way would look older than what it changes.
    """
    if not read.feed.event_types:
        return item["created"]
    return max(item["created"], int((read.newest or read.now).timestamp()))


def _followed_since(read: _Read) -> datetime | None:
    """Where events are taken up; None where they no longer reach back far enough and all is listed."""
    since = _since(read.request)
    return since if since is not None and since >= (read.newest or read.now) - KEPT else None


def _since(request: Extract) -> datetime | None:
    if request.window:
        return request.window.start
    position = request.after.get(EVENTS) if isinstance(request.after, Mapping) else None
    return _moment(position) if position is not None else None


def _next(read: _Read) -> Cursor | None:
    before = read.request.after if isinstance(read.request.after, Mapping) else {}
    newest = int(read.newest.timestamp()) if read.newest else None
    known = [value for value in (before.get(EVENTS), newest) if value is not None]
    return {EVENTS: max(known)} if known else None


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
