"""A GA4 property behind Google's own client: OAuth by service account, daily reports as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any

import pandera.polars as pa
import polars as pl
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from starlette.requests import Request
from starlette.responses import JSONResponse

from opetence_assets.dataset import Dataset, Deletes
from opetence_assets.sources.analytics import Analytics
from opetence_assets.sources.texts import typed
from opetence_assets_tests.conformance.http_server import Faults, served
from opetence_assets_tests.conformance.rig import Place, Rig, Row, Thing

RESTATED = timedelta(days=3)


class DatedThing(Thing):
    """GA knows days only: the day of a report stands for the moment."""

    date: pl.Date = pa.Field()


def tidy(raw: pl.LazyFrame) -> pl.LazyFrame:
    day = pl.col("date").str.to_date(strict=False)
    at = day.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return typed(DatedThing)(raw.with_columns(at.alias("at"), pl.col("note").replace("(not set)", None)))


DATASET = Dataset(
    feed=Analytics("rig", property_id="RIG_PROPERTY", endpoint="RIG_URL", credentials="RIG_KEY").report(
        "things",
        dimensions={"id": "customEvent:id", "note": "customEvent:note"},
        metrics={"amount": "eventCount"},
        restated=RESTATED,
        patience=timedelta(seconds=2),
    ),
    key=("id",),
    schema=DatedThing,
    tidy=tidy,
    deletes=Deletes.RESTATED,
    owner="team:tests",
)


@cache
def private_key() -> str:
    key = rsa.generate_private_key(65537, 1024)  # each load checks it, and twice the length takes six times as long
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@contextmanager
def opened(place: Place) -> Iterator[Rig]:
    things: dict[str, Row] = {}
    faults = Faults()

    def token(_: Request) -> Any:
        return {"access_token": "right", "token_type": "Bearer", "expires_in": 3600}

    def stranger(_: Request) -> Any:
        return JSONResponse({"error": "invalid_grant", "error_description": "no such account"}, 400)

    def report(request: Request) -> Any:
        if fault := faults.met():
            return fault
        asked = json.loads(request._body)
        names = [d["name"] for d in asked.get("dimensions", [])]
        first, last = (_day(asked["dateRanges"][0][end]) for end in ("startDate", "endDate"))
        rows = [row for row in things.values() if first <= row.at.date() <= last]
        return _report(rows, names)

    with served({"/v1beta/properties/7:runReport": report, "/token": token, "/stranger": stranger}, faults) as server:
        yield Rig(
            variables={"RIG_URL": server.url, "RIG_PROPERTY": "7", "RIG_KEY": _account(server.url + "/token", "me")},
            put=lambda rows: things.update({row.id: row for row in rows}),
            delete=lambda ids: [things.pop(name) for name in ids] and None,
            break_at=faults.break_at,
            rate_limit=faults.rate_limit,
            wrong={"RIG_KEY": _account(server.url + "/stranger", "s3cret")},
            secret="s3cret",
            late=RESTATED,
            odd=False,  # reports carry what GA stored, and that is neither
            told=lambda row: (row.id, row.amount, row.note, datetime.combine(row.at.date(), time(), UTC)),
        )


def _account(token_uri: str, name: str) -> str:
    info = {"type": "service_account", "client_email": f"{name}@example.org", "token_uri": token_uri}
    return json.dumps({**info, "private_key": private_key()})


def _day(text: str) -> date:
    return {"today": date.max, "30daysAgo": date.min}.get(text) or date.fromisoformat(text)


def _report(rows: Sequence[Row], names: Sequence[str]) -> dict[str, Any]:
    """Rows by the asked dimensions, metrics summed, as the API spells them."""
    counted: dict[tuple[str, ...], int] = {}
    for row in rows:
        values = {"date": f"{row.at:%Y%m%d}", "customEvent:id": row.id, "customEvent:note": row.note or "(not set)"}
        key = tuple(values[name] for name in names)
        counted[key] = counted.get(key, 0) + row.amount
    return {
        "dimensionHeaders": [{"name": name} for name in names],
        "metricHeaders": [{"name": "eventCount", "type": "TYPE_INTEGER"}],
        "rows": [
            {"dimensionValues": [{"value": v} for v in key], "metricValues": [{"value": str(count)}]}
            for key, count in counted.items()
        ],
        "rowCount": len(counted),
        "metadata": {},
        "kind": "analyticsData#runReport",
    }
