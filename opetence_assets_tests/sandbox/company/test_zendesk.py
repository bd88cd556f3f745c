"""Zendesk's exports over HTTP."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from opetence_assets_tests.sandbox.company.conftest import NEXT, STORY
from sandbox.company.serving import Faults, Prepared, Serving

TICKETS = "/api/v2/incremental/tickets/cursor.json"
EVENTS = "/api/v2/incremental/ticket_events.json"
RATINGS = "/api/v2/satisfaction_ratings.json"


@pytest.fixture
def client(serving: Serving) -> Iterator[httpx.Client]:
    auth = (serving.secrets["ZENDESK_EMAIL"] + "/token", serving.secrets["ZENDESK_TOKEN"])
    with httpx.Client(base_url=serving.secrets["ZENDESK_URL"], auth=auth) as client:
        yield client


def asked(client: httpx.Client, path: str, **given: Any) -> dict[str, Any]:
    answer = client.get(path, params=given)
    answer.raise_for_status()
    return answer.json()


def seconds(stamp: str) -> int:
    return int(datetime.fromisoformat(stamp).timestamp())


def test_tickets_come_once_by_cursor_and_the_cursor_goes_on_after_a_tick(
    serving: Serving, client: httpx.Client
) -> None:
    page = asked(client, TICKETS, start_time=0, per_page=100)
    found = page["tickets"]
    while not page["end_of_stream"]:
        page = client.get(page["after_url"], params={"cursor": page["after_cursor"], "per_page": 100}).json()
        found += page["tickets"]
    assert len(found) == len({ticket["id"] for ticket in found}) == len(serving.part("support/tickets"))
    stamps = [ticket["generated_timestamp"] for ticket in found]
    assert stamps == sorted(stamps)
    assert all(seconds(ticket["updated_at"]) <= ticket["generated_timestamp"] < serving.now for ticket in found)
    serving.part, serving.now = Prepared(NEXT), NEXT.now // 1_000_000
    new = asked(client, TICKETS, cursor=page["after_cursor"])["tickets"]
    known = {ticket["id"]: ticket for ticket in found}
    assert {ticket["id"] not in known for ticket in new} == {True, False}  # opened, and moved on
    assert all(STORY.now // 1_000_000 <= ticket["generated_timestamp"] for ticket in new)
    assert asked(client, TICKETS, cursor=page["after_cursor"])["end_of_stream"]


def test_about_six_in_a_hundred_orders_have_a_ticket(serving: Serving) -> None:
    assert 0.045 < len(serving.part("support/tickets")) / 10_000 < 0.07


def test_events_overlap_at_the_second_where_a_page_ends(serving: Serving, client: httpx.Client) -> None:
    page = asked(client, EVENTS, start_time=0, include="comment_events")
    assert page["count"] == len(page["ticket_events"]) == 1000
    found = {event["id"]: event for event in page["ticket_events"]}
    again = 0
    while not page["end_of_stream"]:
        page = client.get(page["next_page"]).json()
        again += sum(event["id"] in found for event in page["ticket_events"])
        found.update((event["id"], event) for event in page["ticket_events"])
    assert again >= 1
    assert len(found) == len(serving.part("support/ticket_events"))
    comments = [child for event in found.values() for child in event["child_events"] if "body" in child]
    assert {child["event_type"] for child in comments} == {"Comment"}
    leaks = sum("write to" in text or "Call me" in text or "I paid with" in text for text in _bodies(comments))
    by_customers = sum(child["author_id"] >= 5_000_000_000 for child in comments)
    assert leaks / by_customers == pytest.approx(0.125, abs=0.03)
    plain = asked(client, EVENTS, start_time=0)["ticket_events"]
    assert not [child for event in plain for child in event["child_events"] if child["event_type"] == "Comment"]


def _bodies(comments: list[dict[str, Any]]) -> list[str]:
    return [comment["body"] for comment in comments]


def test_ratings_come_by_cursor_since_a_change(serving: Serving, client: httpx.Client) -> None:
    page = asked(client, RATINGS, **{"page[size]": 100, "start_time": 0})
    found = page["satisfaction_ratings"]
    while page["meta"]["has_more"]:
        page = client.get(page["links"]["next"]).json()
        found += page["satisfaction_ratings"]
    assert len(found) == len({rating["id"] for rating in found}) == len(serving.part("support/satisfaction_ratings"))
    assert {rating["score"] for rating in found} == {"good", "bad", "offered"}
    last = seconds(found[-1]["updated_at"])
    newest = asked(client, RATINGS, **{"page[size]": 100, "start_time": last})["satisfaction_ratings"]
    assert newest == [rating for rating in found if seconds(rating["updated_at"]) >= last]


@pytest.mark.parametrize(("path", "kind"), [("/api/v2/tickets.json", "tickets"), (RATINGS, "satisfaction_ratings")])
def test_the_newest_change_is_found_with_one_small_page(client: httpx.Client, path: str, kind: str) -> None:
    page = asked(client, path, sort_by="updated_at", sort_order="desc", per_page=1)
    assert len(page[kind]) == 1
    assert page["count"] > 1
    assert "page=2" in page["next_page"]


def test_wrong_credentials_and_wrong_questions_are_refused(serving: Serving, client: httpx.Client) -> None:
    assert httpx.get(serving.secrets["ZENDESK_URL"] + TICKETS).json() == {"error": "Couldn't authenticate you"}
    assert client.get(TICKETS, params={"start_time": 0}, auth=("a/token", "b")).status_code == 401
    for given in ({}, {"start_time": "x"}, {"start_time": serving.now + 1}, {"cursor": "?"}):
        assert client.get(TICKETS, params=given).status_code == 400
    stale = base64.b64encode(b"1.0||x").decode()
    assert client.get(TICKETS, params={"cursor": stale}).json()["error"] == "InvalidValue"


def test_one_request_in_fifteen_is_too_many(serving: Serving, client: httpx.Client) -> None:
    serving.faults = Faults()
    answers = [client.get("/api/v2/tickets.json", params={"per_page": 1}) for _ in range(45)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 3
    assert {answer.headers["Retry-After"] for answer in refused} <= {"0", "1"}


def test_the_clock_is_the_storys(serving: Serving, client: httpx.Client) -> None:
    answer = client.get("/api/v2/tickets.json", params={"per_page": 1})
    assert parsedate_to_datetime(answer.headers["Date"]).timestamp() == serving.now
