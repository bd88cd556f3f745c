"""Stripe's list and retrieve endpoints: cursor pages newest first, bearer keys, Stripe's errors."""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING

import orjson
from starlette.responses import Response
from starlette.routing import Route

from sandbox.company.serving import Serving
from sandbox.company.shelf import Shelf, shelf_of

if TYPE_CHECKING:
    from starlette.requests import Request

KINDS = ("customers", "charges", "refunds", "payouts", "disputes", "events")
LARGEST_PAGE = 100
PARAMETERS = {"limit", "starting_after", "ending_before", "created", "type"}
BOUNDS = {"created[gte]", "created[gt]", "created[lte]", "created[lt]"}


class _Refused(Exception):
    def __init__(self, message: str, param: str, code: str) -> None:
        super().__init__(message)
        self.param, self.code = param, code


def routes(serving: Serving) -> list[Route]:
    async def listing(request: Request) -> Response:
        refused = unauthorised(request, serving)
        if refused:
            return refused
        try:
            return _listed(request, serving)
        except _Refused as error:
            return failure(400, str(error), code=error.code, param=error.param)

    async def one(request: Request) -> Response:
        refused = unauthorised(request, serving)
        if refused:
            return refused
        kind, id = request.path_params["kind"], request.path_params["id"]
        shelf = _shelf(serving, kind)
        position = shelf.position(id) if shelf is not None else None
        if shelf is None or position is None:
            return failure(404, f"No such {kind[:-1]}: '{id}'", code="resource_missing", param="id")
        return Response(orjson.dumps(shelf.between(position, position + 1)[0]), media_type="application/json")

    return [Route("/v1/{kind}", listing), Route("/v1/{kind}/{id}", one)]


def failure(status: int, message: str, **more: str) -> Response:
    error = {"message": message, "type": "invalid_request_error", **more}
    return Response(orjson.dumps({"error": error}), status, media_type="application/json")


def too_many() -> Response:
    return failure(429, "Request rate limit exceeded.", code="rate_limit", type="rate_limit_error")


def unauthorised(request: Request, serving: Serving) -> Response | None:
    """Stripe's 401 where the key is missing or wrong: as a bearer token, or as the user of basic authentication."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        given = base64.b64decode(given + "==").decode(errors="replace").partition(":")[0]
    if not given:
        return failure(401, "You did not provide an API key. Provide it in the Authorization header.")
    if not hmac.compare_digest(given.encode(), serving.secrets["STRIPE_API_KEY"].encode()):
        return failure(401, f"Invalid API Key provided: {given[:8]}****")
    return None


def _shelf(serving: Serving, kind: str) -> Shelf | None:
    return serving.part(f"payments/{kind}") if kind in KINDS else None


def _listed(request: Request, serving: Serving) -> Response:
    kind = request.path_params["kind"]
    shelf = _shelf(serving, kind)
    if shelf is None:
        return failure(404, f"Unrecognized request URL (GET: /v1/{kind}).")
    given = request.query_params
    types = {value for name, value in given.multi_items() if name == "type" or name.startswith("types[")}
    lists = {name for name in given if name.startswith(("expand[", "types["))}
    unknown = sorted(set(given) - PARAMETERS - BOUNDS - lists)
    if unknown or (types and kind != "events"):
        name = (unknown or ["type"])[0]
        raise _Refused(f"Received unknown parameter: {name}", name, "parameter_unknown")
    if types:
        shelf = _of_types(serving, shelf, types)
    limit = _whole(given.get("limit", "10"), "limit")
    if not 1 <= limit <= LARGEST_PAGE:
        raise _Refused("This value must be between 1 and 100 inclusive.", "limit", "parameter_invalid_integer")
    low, high = _created(request, shelf)
    if "ending_before" in given:
        end = min(high, _position(shelf, kind, given["ending_before"], "ending_before"))
        first, last = max(low, end - limit), end
        more = first > low
    else:
        if "starting_after" in given:
            low = max(low, _position(shelf, kind, given["starting_after"], "starting_after") + 1)
        first, last = low, max(low, min(low + limit, high))
        more = last < high
    content = {"object": "list", "data": shelf.between(first, last), "has_more": more, "url": f"/v1/{kind}"}
    return serving.page(request, content, continues="starting_after" in given)


def _created(request: Request, shelf: Shelf) -> tuple[int, int]:
    """The positions whose moment the request asks for."""
    low, high = 0, len(shelf)
    given = request.query_params
    for name in ("created", *sorted(BOUNDS)):
        if name not in given:
            continue
        moment = _whole(given[name], name)
        if name in ("created[lte]", "created"):
            low = max(low, shelf.newest_before(moment, inclusive=True))
        if name == "created[lt]":
            low = max(low, shelf.newest_before(moment, inclusive=False))
        if name in ("created[gte]", "created"):
            high = min(high, shelf.newest_before(moment, inclusive=False))
        if name == "created[gt]":
            high = min(high, shelf.newest_before(moment, inclusive=True))
    return low, max(low, high)


def _whole(text: str, name: str) -> int:
    if not text.lstrip("-").isdecimal():
        raise _Refused(f"Invalid integer: {text}", name, "parameter_invalid_integer")
    return int(text)


def _position(shelf: Shelf, kind: str, id: str, name: str) -> int:
    position = shelf.position(id)
    if position is None:
        raise _Refused(f"No such {kind[:-1]}: '{id}'", name, "resource_missing")
    return position


def _of_types(serving: Serving, whole: Shelf, types: set[str]) -> Shelf:
    """The events of some types, found once for each story."""
    key = " ".join(sorted(types))
    held = serving.shelves.get(key)
    if held is None or held[0] is not whole:
        chosen = [thing for thing in whole.between(0, len(whole)) if thing["type"] in types]
        held = serving.shelves[key] = (whole, shelf_of(chosen, newest_first=True))
    return held[1]
