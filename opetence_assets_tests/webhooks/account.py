"""An account at Stripe: charges with a history of events, served by an API that learns of them late."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from opetence_assets_tests.conformance.http_server import Faults, served

START = 1_767_225_600
SPAN = 7_200  # seconds that the events are spread over
Thing = dict[str, Any]


@dataclass
class Account:
    """What is true, and up to when the API's list of events shows it."""

    events: list[Thing] = field(default_factory=list[Thing])
    charges: dict[str, Thing] = field(default_factory=dict[str, Thing])
    shown_until: int = START

    def truth(self) -> dict[str, tuple[int, str]]:
        """Charge → amount refunded and status, as they are in the end."""
        return {id: (charge["amount_refunded"], charge["status"]) for id, charge in self.charges.items()}


def account(events: int, seed: int = 1) -> Account:
    """An account in which so many events happened: four a charge, one in five of them in the second of the one before.

    The last of a charge often takes back what the one before had changed, so that no state tells which was last.
    """
    chance, made = random.Random(seed), Account()
    first = _charge("ch_first", START - 10)
    made.events.append(_event("evt_first", START - 10, "charge.succeeded", first))
    made.charges["ch_first"] = first
    for number in range(events // 4):
        id, at = f"ch_{number:06}", START + 1 + chance.randrange(SPAN)
        charge = _charge(id, at)
        for step in range(4):
            if step:
                at += 0 if chance.random() < 0.2 else 1 + chance.randrange(600)
                charge = {**charge, "amount_refunded": chance.choice((0, 100, 200, 300))}
            kind = "charge.updated" if step else "charge.succeeded"
            made.events.append(_event(f"evt_{chance.getrandbits(64):016x}", at, kind, charge))
        made.charges[id] = charge
    return made


def _event(id: str, at: int, kind: str, charge: Thing) -> Thing:
    data = {"api_version": "2025-03-31.basil", "livemode": False, "data": {"object": charge}}
    return {"id": id, "object": "event", "created": at, "type": kind, **data}


def _charge(id: str, at: int) -> Thing:
    return {
        "id": id,
        "object": "charge",
        "amount": 1000,
        "amount_refunded": 0,
        "billing_details": {"email": f"{id}@example.com", "name": "Ada Quill"},
        "created": at,
        "currency": "eur",
        "customer": f"cus_{id[3:]}",
        "disputed": False,
        "failure_code": None,
        "metadata": {"order_id": f"O{id[3:]}"},
        "payment_method_details": {"card": {"brand": "visa", "country": "DE", "last4": "4242"}, "type": "card"},
        "status": "succeeded",
    }


@contextmanager
def api_of(account: Account) -> Iterator[Mapping[str, str]]:
    """Serves the account and gives the variables that lead to it."""

    def events(request: Request) -> Any:
        given = request.query_params
        low, high = int(given.get("created[gte]", 0)), int(given.get("created[lt]", 2**62))
        high = min(high, account.shown_until)
        found = [event for event in account.events if low <= event["created"] < high]
        return _page(found, given)

    def charges(request: Request) -> Any:
        shown = [charge for charge in account.charges.values() if charge["created"] < account.shown_until]
        return _page(shown, request.query_params)

    def charge(request: Request) -> Any:
        return JSONResponse(account.charges[request.path_params["id"]])

    routes = {"/v1/events": events, "/v1/charges": charges, "/v1/charges/{id}": charge}
    with served(routes, Faults()) as server:
        yield {"STRIPE_API_BASE": server.url, "STRIPE_API_KEY": "rk_test"}


def _page(found: list[Thing], given: Mapping[str, str]) -> JSONResponse:
    found = sorted(found, key=lambda thing: (thing["created"], thing["id"]), reverse=True)
    after = given.get("starting_after")
    start = next((place for place, thing in enumerate(found) if thing["id"] == after), -1) + 1
    end = start + int(given["limit"])
    return JSONResponse({"object": "list", "data": found[start:end], "has_more": end < len(found)})
