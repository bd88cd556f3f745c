"""Stripe's API: a list of objects without an order of changes, and the events that have one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import polars as pl
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from opetence_assets.dataset import Dataset, Utc
from opetence_assets.sources.stripe import Stripe
from opetence_assets.sources.stripe_events import LAG
from opetence_assets.sources.texts import typed
from opetence_assets_tests.conformance.http_server import PAGE, Faults, served
from opetence_assets_tests.conformance.rig import Place, Rig, Row, Thing


class StripeThing(Thing):
    changed_at: Utc


def tidy(raw: pl.LazyFrame) -> pl.LazyFrame:
    return typed(StripeThing)(raw.with_columns(pl.col("_cursor").alias("changed_at")))


DATASET = Dataset(
    feed=Stripe("rig", key="RIG_KEY", base="RIG_BASE").objects(
        "things", "thing",
        {"id": "id", "amount": "amount", "note": "note", "at": "metadata.at"},
        event_types=("thing.created", "thing.updated"),
        ignored=("created",),
    ),
    key=("id",), cursor="changed_at", schema=StripeThing, tidy=tidy, owner="team:tests",
)  # fmt: skip


@contextmanager
def opened(place: Place) -> Iterator[Rig]:
    things: dict[str, dict[str, Any]] = {}
    events: list[dict[str, Any]] = []
    faults = Faults()

    def happened(row: Row, change: dict[str, Any]) -> None:
        second = int(row.at.timestamp())
        first = things.get(row.id, {"created": second})["created"]
        thing = {"id": row.id, "object": "thing", "amount": row.amount, "note": row.note, "created": first}
        thing = {**thing, "metadata": {"at": row.at.isoformat()}, **change}
        thing = {name: value for name, value in thing.items() if value is not REMOVED}
        kind = "updated" if row.id in things else "created"
        id = f"evt_{len(events):09}"
        events.append({"id": id, "type": f"thing.{kind}", "created": second, "data": {"object": thing}})
        things[row.id] = thing

    def put(rows: Sequence[Row]) -> None:
        for row in rows:
            happened(row, {})

    def drifted(kind: str, rows: Sequence[Row]) -> None:
        for row in rows:
            happened(row, {"added": {"nickname": "Bunny"}, "removed": {"note": REMOVED}, "retyped": MANY}[kind])

    def listing(found: list[dict[str, Any]] | None) -> Any:
        def answer(request: Request) -> Any:
            if request.headers.get("Authorization") != "Bearer right":
                return JSONResponse({"error": {"message": "Invalid API Key provided: s3c***", "type": "x"}}, 401)
            given = request.query_params
            if given["limit"] != "1" and (fault := faults.met()):
                return fault
            low, high = int(given.get("created[gte]", 0)), int(given.get("created[lt]", 2**62))
            high = min(high, int(given.get("created[lte]", 2**62)) + 1)
            those = things.values() if found is None else found
            shown = [item for item in those if low <= item["created"] < high]
            shown.sort(key=lambda item: (item["created"], item["id"]), reverse=True)
            after = given.get("starting_after")
            number = next((n for n, item in enumerate(shown) if item["id"] == after), -1) // PAGE + 1
            start, size = faults.start_of(number), 1 if given["limit"] == "1" else PAGE
            end = max(number * PAGE, start) + size
            page = {"object": "list", "data": shown[start:end], "has_more": end < len(shown)}
            return Response(json.dumps(page), media_type="application/json")

        return answer

    def one(request: Request) -> Any:
        return Response(json.dumps(things[request.path_params["id"]]), media_type="application/json")

    routes = {"/v1/things": listing(None), "/v1/things/{id}": one, "/v1/events": listing(events)}
    with served(routes, faults) as server:
        yield Rig(
            variables={"RIG_BASE": server.url, "RIG_KEY": "right"},
            put=put,
            break_at=faults.break_at,
            rate_limit=faults.rate_limit,
            repeat_page=faults.repeat_page,
            drifted=drifted,
            wrong={"RIG_KEY": "s3cret"},
            secret="s3cret",
            late=LAG,
        )


REMOVED: Any = object()
MANY = {"amount": "many"}
