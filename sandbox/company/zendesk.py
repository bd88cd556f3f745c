"""Zendesk's exports: incremental by cursor and by time, and satisfaction ratings by cursor or page."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import orjson
from starlette.responses import Response
from starlette.routing import Route

from sandbox.company.serving import Serving
from sandbox.company.shelf import Shelf, Thing

if TYPE_CHECKING:
    from starlette.requests import Request

Answer = Callable[["Request", Serving], Response]

EXPORTED = 1000  # things on a page of an incremental export
LARGEST_PAGE = 100  # of everything else


class _Refused(Exception):
    pass


def routes(serving: Serving) -> list[Route]:
    def checked(answer: Answer) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            if not _knows(request, serving):
                return failure(401, "Couldn't authenticate you")
            try:
                return answer(request, serving)
            except _Refused as error:
                return failure(400, "InvalidValue", str(error))

        return endpoint

    return [
        Route("/api/v2/incremental/tickets/cursor.json", checked(_tickets_by_cursor)),
        Route("/api/v2/incremental/ticket_events.json", checked(_events_by_time)),
        Route("/api/v2/satisfaction_ratings.json", checked(_ratings)),
        Route("/api/v2/tickets.json", checked(_tickets)),
    ]


def failure(status: int, error: str, description: str | None = None) -> Response:
    body = {"error": error} if description is None else {"error": error, "description": description}
    return Response(orjson.dumps(body), status, media_type="application/json")


def too_many(turn: int) -> Response:
    """Zendesk says how long to wait; here a second at most."""
    response = failure(429, "APIRateLimitExceeded", "Number of allowed API requests per minute exceeded")
    response.headers["Retry-After"] = str(int(turn % 8 == 0))
    return response


def _knows(request: Request, serving: Serving) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    wanted = f"{serving.secrets['ZENDESK_EMAIL']}/token:{serving.secrets['ZENDESK_TOKEN']}".encode()
    try:
        return scheme.lower() == "basic" and hmac.compare_digest(base64.b64decode(given), wanted)
    except binascii.Error:
        return False


def _tickets_by_cursor(request: Request, serving: Serving) -> Response:
    shelf: Shelf = serving.part("support/tickets")
    cursor = request.query_params.get("cursor")
    low = _after(shelf, cursor) if cursor is not None else shelf.first_from(_start(request, serving))
    size = _size(request, "per_page", EXPORTED)
    high = min(low + size, len(shelf))
    tickets = shelf.between(low, high)
    after = _cursor(int(shelf.at[high - 1]), tickets[-1]["id"]) if tickets else cursor or _cursor(serving.now, 0)
    content = {
        "tickets": tickets,
        "after_url": _url(request, cursor=after),
        "after_cursor": after,
        "before_url": None,
        "before_cursor": None,
        "end_of_stream": high == len(shelf),
    }
    return serving.page(request, content, continues=cursor is not None)


def _cursor(moment: int, id: int) -> str:
    return base64.b64encode(f"{moment}.0||{id}".encode()).decode()


def _after(shelf: Shelf, cursor: str) -> int:
    """The position after the one that a cursor names, even if that ticket has changed and moved since."""
    try:
        text, _, id = base64.b64decode(cursor, validate=True).decode("ascii").partition("||")
        moment, last = int(text.removesuffix(".0")), int(id)
    except ValueError as error:
        raise _Refused("cursor is invalid") from error
    low = shelf.first_from(moment)
    high = shelf.first_from(moment + 1)
    return low + sum(shelf.ids[position] <= last for position in range(low, high))


def _events_by_time(request: Request, serving: Serving) -> Response:
    """Pages overlap: one starts with the second that the page before it ended with."""
    shelf: Shelf = serving.part("support/ticket_events")
    start = _start(request, serving)
    low = shelf.first_from(start)
    high = min(low + _size(request, "per_page", EXPORTED), len(shelf))
    events = shelf.between(low, high)
    if "comment_events" not in request.query_params.get("include", "").split(","):
        events = [_without_comments(event) for event in events]
    end = int(shelf.at[high - 1]) if events else start
    known = {name: value for name, value in request.query_params.items() if name != "start_time"}
    content = {
        "ticket_events": events,
        "next_page": _url(request, **known, start_time=str(end)),
        "count": len(events),
        "end_time": end,
        "end_of_stream": high == len(shelf),
    }
    return serving.page(request, content, continues=True)


def _without_comments(event: Thing) -> Thing:
    return {**event, "child_events": [child for child in event["child_events"] if child["event_type"] != "Comment"]}


def _ratings(request: Request, serving: Serving) -> Response:
    given = request.query_params
    if "page[size]" not in given and "page[after]" not in given:
        return _by_page(request, serving, "satisfaction_ratings")
    shelf: Shelf = serving.part("support/satisfaction_ratings")
    after = given.get("page[after]")
    low = shelf.first_from(_whole(given["start_time"], "start_time")) if "start_time" in given else 0
    low = low if after is None else max(low, _after(shelf, after))
    high = min(low + _size(request, "page[size]", LARGEST_PAGE), len(shelf))
    ratings = shelf.between(low, high)
    more = high < len(shelf)
    cursor = _cursor(int(shelf.at[high - 1]), ratings[-1]["id"]) if ratings else None
    known = {name: value for name, value in given.items() if name != "page[after]"}
    following = _url(request, **known, **{"page[after]": cursor}) if more and cursor else None
    content = {
        "satisfaction_ratings": ratings,
        "meta": {"has_more": more, "after_cursor": cursor, "before_cursor": None},
        "links": {"next": following, "prev": None},
    }
    return serving.page(request, content, continues=after is not None)


def _tickets(request: Request, serving: Serving) -> Response:
    return _by_page(request, serving, "tickets")


def _by_page(request: Request, serving: Serving, kind: str) -> Response:
    """Pages by number, sorted by what was changed last; ten thousand things at most, as the real one."""
    shelf: Shelf = serving.part(f"support/{kind}")
    given = request.query_params
    size = _size(request, "per_page", LARGEST_PAGE)
    page = _whole(given.get("page", "1"), "page")
    if page < 1 or page * size > 10_000:
        raise _Refused("page is out of range")
    falls = given.get("sort_order", "asc") == "desc"
    low, high = min((page - 1) * size, len(shelf)), min(page * size, len(shelf))
    things = shelf.between(len(shelf) - high, len(shelf) - low)[::-1] if falls else shelf.between(low, high)
    known = {name: value for name, value in given.items() if name != "page"}
    following = _url(request, **known, page=str(page + 1)) if high < len(shelf) else None
    content = {kind: things, "next_page": following, "previous_page": None, "count": len(shelf)}
    return serving.page(request, content, continues=page > 1)


def _start(request: Request, serving: Serving) -> int:
    """When an incremental export starts (s)."""
    given = request.query_params.get("start_time")
    if given is None:
        raise _Refused("start_time is required")
    start = _whole(given, "start_time")
    if start > serving.now:
        raise _Refused("Too recent start_time. Use a start_time older than 60 seconds")
    return start


def _size(request: Request, name: str, largest: int) -> int:
    size = _whole(request.query_params.get(name, str(largest)), name)
    if not 1 <= size <= largest:
        raise _Refused(f"{name} must be between 1 and {largest}")
    return size


def _whole(text: str, name: str) -> int:
    if not text.isdecimal():
        raise _Refused(f"{name} is not a number")
    return int(text)


def _url(request: Request, **parameters: str) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{request.url.path}?{urlencode(parameters)}"
