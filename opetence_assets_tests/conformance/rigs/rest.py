"""An HTTP API that pages by number and asks for a bearer token."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from opetence_assets.dataset import Dataset
from opetence_assets.sources.rest import Rest
from opetence_assets.sources.texts import typed
from opetence_assets_tests.conformance.http_server import PAGE, Faults, served
from opetence_assets_tests.conformance.rig import Place, Rig, Row, Thing

LAG = timedelta(minutes=10)
DATASET = Dataset(
    feed=Rest("rig", url="RIG_URL", auth={"type": "bearer", "token": "{RIG_TOKEN}"}).resource(
        "things",
        "/things",
        records="data.things",
        fields={"id": "id", "amount": "money.amount", "note": "note", "at": "at"},
        paginator={"type": "page_number", "base_page": 0, "total_path": "pages"},
        cursor="at",
        since_param="since",
        lag=LAG,
        probe="/newest",
    ),
    key=("id",),
    cursor="at",
    schema=Thing,
    tidy=typed(Thing),
    owner="team:tests",
)


@contextmanager
def opened(place: Place) -> Iterator[Rig]:
    things: dict[str, dict[str, Any]] = {}
    faults = Faults()

    def listed(request: Request) -> Any:
        if request.headers.get("Authorization") != "Bearer right":
            return JSONResponse({"error": "who are you?"}, 401)
        if fault := faults.met():
            return fault
        since = datetime.fromisoformat(request.query_params["since"])
        found = [thing for thing in things.values() if datetime.fromisoformat(thing["at"]) >= since]
        number = int(request.query_params.get("page", 0))
        page = found[faults.start_of(number) : (number + 1) * PAGE]
        answer = {"data": {"things": page}, "pages": -(-len(found) // PAGE)}
        return Response(json.dumps(answer), media_type="application/json")  # escapes what UTF-8 cannot hold

    def newest(_: Request) -> Any:
        return {"newest": max((thing["at"] for thing in things.values()), default=None), "many": len(things)}

    def put(rows: Sequence[Row]) -> None:
        for row in rows:
            money = {"amount": row.amount}
            things[row.id] = {"id": row.id, "money": money, "note": row.note, "at": row.at.isoformat()}

    def drifted(kind: str, rows: Sequence[Row]) -> None:
        put(rows)
        for row in rows:
            change = {"added": {"nickname": "Bunny"}, "removed": {}, "retyped": {"money": {"amount": "many"}}}[kind]
            things[row.id].update(change)
            if kind == "removed":
                del things[row.id]["note"]

    with served({"/things": listed, "/newest": newest}, faults) as server:
        yield Rig(
            variables={"RIG_URL": server.url, "RIG_TOKEN": "right"},
            put=put,
            break_at=faults.break_at,
            rate_limit=faults.rate_limit,
            repeat_page=faults.repeat_page,
            drifted=drifted,
            wrong={"RIG_TOKEN": "s3cret"},
            secret="s3cret",
            late=LAG,
        )
