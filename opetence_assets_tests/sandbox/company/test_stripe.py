"""Stripe's API through Stripe's own client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import stripe

from sandbox.company.serving import Faults, Serving

KINDS = ("customers", "charges", "refunds", "payouts", "disputes", "events")
DAY = 86_400


@pytest.fixture
def client(serving: Serving) -> stripe.StripeClient:
    return client_with(serving, serving.secrets["STRIPE_API_KEY"])


def client_with(serving: Serving, key: str) -> stripe.StripeClient:
    addresses: Any = {"api": serving.secrets["STRIPE_API_BASE"]}
    return stripe.StripeClient(key, base_addresses=addresses, max_network_retries=0)


def listed(client: stripe.StripeClient, kind: str, **given: Any) -> dict[str, Any]:
    return dict(client.raw_request("get", f"/v1/{kind}", **given).data)


def everything(client: stripe.StripeClient, kind: str, **given: Any) -> Iterator[dict[str, Any]]:
    page = listed(client, kind, limit=100, **given)
    yield from page["data"]
    while page["has_more"]:
        page = listed(client, kind, limit=100, starting_after=page["data"][-1]["id"], **given)
        yield from page["data"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_object_comes_once_newest_first(serving: Serving, client: stripe.StripeClient, kind: str) -> None:
    found = list(everything(client, kind))
    assert len(found) == len({thing["id"] for thing in found}) == len(serving.part(f"payments/{kind}")) > 0
    moments = [thing["created"] for thing in found]
    assert moments == sorted(moments, reverse=True)
    assert moments[0] < serving.now
    assert {thing["object"] for thing in found} == {kind[:-1]}


def test_a_page_is_an_envelope_with_stripes_fields(client: stripe.StripeClient) -> None:
    page = listed(client, "charges", limit=1)
    assert {name: page[name] for name in ("object", "has_more", "url")} == {
        "object": "list",
        "has_more": True,
        "url": "/v1/charges",
    }
    (charge,) = page["data"]
    assert charge["metadata"]["order_id"].startswith("O")
    assert set(charge["payment_method_details"]["card"]) == {"brand", "country", "last4"}
    assert len(listed(client, "charges")["data"]) == 10  # the default


def test_created_bounds_a_list_on_both_sides(client: stripe.StripeClient) -> None:
    found = list(everything(client, "charges"))
    low, high = found[500]["created"], found[100]["created"]
    for bounds, kept in (
        ({"gte": low, "lt": high}, [c for c in found if low <= c["created"] < high]),
        ({"gt": low, "lte": high}, [c for c in found if low < c["created"] <= high]),
    ):
        assert list(everything(client, "charges", created=bounds)) == kept


def test_a_list_can_be_read_backwards(client: stripe.StripeClient) -> None:
    found = [charge["id"] for charge in everything(client, "charges", created={"gte": 0})][:30]
    page = listed(client, "charges", limit=10, ending_before=found[25])
    assert [charge["id"] for charge in page["data"]] == found[15:25]
    assert page["has_more"]


def test_events_of_a_month_hold_the_object_as_it_was(serving: Serving, client: stripe.StripeClient) -> None:
    events = list(everything(client, "events"))
    assert min(event["created"] for event in events) >= serving.now - 30 * DAY
    assert {event["type"] for event in events} >= {"charge.succeeded", "charge.refunded", "payout.paid"}
    succeeded = [event for event in events if event["type"] == "charge.succeeded"]
    assert {event["data"]["object"]["amount_refunded"] for event in succeeded} == {0}
    assert all(event["data"]["object"]["created"] == event["created"] for event in succeeded)
    only = list(everything(client, "events", type="charge.refunded"))
    assert only == [event for event in events if event["type"] == "charge.refunded"]
    both = {"charge.refunded", "charge.dispute.closed"}
    assert list(everything(client, "events", types=sorted(both))) == [e for e in events if e["type"] in both]
    states = {e["type"]: e["data"]["object"]["status"] for e in events if e["type"].startswith(("charge.d", "payout"))}
    assert states["payout.created"] == "in_transit"
    assert states["payout.paid"] == "paid"
    assert states["charge.dispute.updated"] == "under_review"
    assert states["charge.dispute.closed"] in ("won", "lost")
    assert all(event["data"]["object"]["amount_refunded"] > 0 for event in only)


def test_one_object_is_retrieved(client: stripe.StripeClient) -> None:
    (refund,) = listed(client, "refunds", limit=1)["data"]
    assert dict(client.raw_request("get", f"/v1/refunds/{refund['id']}").data) == refund
    with pytest.raises(stripe.InvalidRequestError, match="No such refund"):
        client.raw_request("get", "/v1/refunds/re_0")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"limit": 101}, "parameter_invalid_integer"),
        ({"limit": "x"}, "parameter_invalid_integer"),
        ({"starting_after": "ch_0"}, "resource_missing"),
        ({"colour": "red"}, "parameter_unknown"),
    ],
)
def test_wrong_parameters_are_refused_in_stripes_words(
    client: stripe.StripeClient, given: dict[str, Any], code: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        listed(client, "charges", **given)
    assert refused.value.code == code
    assert refused.value.http_status == 400


def test_a_key_is_needed_and_must_be_right(serving: Serving) -> None:
    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key"):
        listed(client_with(serving, "rk_test_wrong"), "charges")
    assert httpx.get(serving.secrets["STRIPE_API_BASE"] + "/v1/charges").status_code == 401


def test_faults_are_as_ordered(serving: Serving, client: stripe.StripeClient) -> None:
    control = serving.secrets["STRIPE_API_BASE"] + "/_control"
    order = {"fail_after": 2, "limits": False}
    assert httpx.post(control, json=order).status_code == 204
    first = listed(client, "charges", limit=5)
    with pytest.raises(stripe.APIError):
        listed(client, "charges", limit=5)
    assert listed(client, "charges", limit=5) == first
    httpx.post(control, json={"rate_limit": 1, "limits": False})
    with pytest.raises(stripe.RateLimitError) as limited:
        listed(client, "charges")
    assert (limited.value.headers or {})["retry-after"] == "0"
    assert httpx.post(control, json={"typo": 1}).status_code == 400


def test_a_connection_is_lost_in_the_middle_of_a_page(serving: Serving, client: stripe.StripeClient) -> None:
    serving.faults = Faults(fail_after=1, drop=True, limits=False)
    with pytest.raises(stripe.APIConnectionError):
        listed(client, "charges")


def test_a_page_is_delivered_twice(serving: Serving, client: stripe.StripeClient) -> None:
    first = listed(client, "charges", limit=5)
    serving.faults = Faults(duplicate_page=True, limits=False)
    after = {"limit": 5, "starting_after": first["data"][-1]["id"]}
    assert listed(client, "charges", **after) == first
    assert listed(client, "charges", **after) != first
