"""Google Analytics through Google's own client, its token by the service account's key."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import httpx
import pytest
from google.analytics.data_v1beta import BetaAnalyticsDataClient
from google.analytics.data_v1beta.services.beta_analytics_data.transports.rest import BetaAnalyticsDataRestTransport
from google.analytics.data_v1beta.types import DateRange, Dimension, Metric, RunReportRequest, RunReportResponse
from google.api_core.exceptions import BadRequest, Forbidden, TooManyRequests
from google.auth.exceptions import RefreshError
from google.oauth2.service_account import Credentials

from opetence_assets_tests.sandbox.company.conftest import NEXT, STORY
from sandbox.company.credentials import credentials
from sandbox.company.serving import Faults, Prepared, Serving

SCOPE = "https://www.googleapis.com/auth/analytics.readonly"
SINGLE = ("date", "customEvent:ga_session_id", "customUser:client_id", "transactionId", "sessionCampaignId")


def client_of(serving: Serving, account: str | None = None) -> BetaAnalyticsDataClient:
    info = json.loads(account or serving.secrets["GA_CREDENTIALS"])
    transport = BetaAnalyticsDataRestTransport(
        host=serving.secrets["GA_ENDPOINT"].removeprefix("http://"),
        credentials=Credentials.from_service_account_info(info, scopes=[SCOPE]),
        url_scheme="http",
    )
    return BetaAnalyticsDataClient(transport=transport)


def report(
    serving: Serving, dimensions: tuple[str, ...], metrics: tuple[str, ...], days: int = 60, **more: Any
) -> RunReportResponse:
    since = STORY.until - timedelta(days=days)
    asked = RunReportRequest(
        property="properties/" + more.pop("property", serving.secrets["GA_PROPERTY"]),
        dimensions=[Dimension(name=name) for name in dimensions],
        metrics=[Metric(name=name) for name in metrics],
        date_ranges=[DateRange(start_date=str(since), end_date="today")],
        **more,
    )
    with client_of(serving, more.pop("account", None)) as client:
        return client.run_report(asked)


def rows(answer: RunReportResponse) -> list[tuple[str, ...]]:
    return [tuple(v.value for v in (*row.dimension_values, *row.metric_values)) for row in answer.rows]


def test_sessions_come_in_pages_and_each_once(serving: Serving) -> None:
    whole = report(serving, SINGLE, ("sessions", "eventCount"), limit=10_000)
    found = rows(whole)
    assert whole.row_count == len(found) == len({row[1] for row in found}) > 3_000
    assert not whole.metadata.subject_to_thresholding
    second = report(serving, SINGLE, ("sessions", "eventCount"), limit=1_000, offset=1_000)
    assert rows(second) == found[1_000:2_000]
    assert [header.name for header in second.dimension_headers] == list(SINGLE)
    assert {row[4][:1] for row in found} == {"C", "G", "B", "("}


def test_the_days_asked_for_are_both_included(serving: Serving) -> None:
    found = rows(report(serving, ("date",), ("sessions",), days=3))
    assert [row[0] for row in found] == [f"{STORY.until - timedelta(days=ago):%Y%m%d}" for ago in (3, 2, 1)]


def test_rows_of_few_people_are_left_out(serving: Serving) -> None:
    by_campaign = report(serving, ("date", "sessionCampaignId"), ("sessions", "activeUsers"))
    assert by_campaign.metadata.subject_to_thresholding
    assert min(int(row[3]) for row in rows(by_campaign)) >= 5
    assert not report(serving, ("sessionMedium",), ("sessions",)).metadata.subject_to_thresholding


def test_events_add_up_to_their_sessions(serving: Serving) -> None:
    by_event = {row[0]: row[1:] for row in rows(report(serving, ("eventName",), ("eventCount", "purchaseRevenue")))}
    ((count, revenue),) = rows(report(serving, (), ("eventCount", "purchaseRevenue")))
    assert set(by_event) == {"session_start", "page_view", "purchase"}
    assert abs(sum(int(row[0]) for row in by_event.values()) - int(count)) < 0.02 * int(count)
    assert float(by_event["purchase"][1]) == float(revenue) > 0


def test_the_last_two_days_are_corrected_by_the_next_tick(serving: Serving) -> None:
    before = rows(report(serving, SINGLE[:4], ("eventCount",), days=5))
    serving.part, serving.now = Prepared(NEXT), NEXT.now // 1_000_000
    after = rows(report(serving, SINGLE[:4], ("eventCount",), days=5))
    grown: Counter[str] = Counter()
    for sign, found in ((-1, before), (1, after)):
        for day, _, _, _, events in found:
            grown[day] += sign * int(events)
    days = [f"{STORY.until - timedelta(days=ago):%Y%m%d}" for ago in (4, 3, 2, 1)]
    assert grown[days[0]] == grown[days[1]] == 0
    assert min(grown[days[2]], grown[days[3]]) > 0
    gone = {row[1] for row in before} - {row[1] for row in after}
    assert gone
    assert {row[3] for row in before if row[1] in gone} == {""}  # what bought something stays


def test_what_is_not_understood_or_not_allowed_is_refused(serving: Serving) -> None:
    with pytest.raises(BadRequest, match="not a valid dimension"):
        report(serving, ("colour",), ("sessions",))
    with pytest.raises(BadRequest, match="9 dimensions"):
        report(serving, ("date",) * 10, ("sessions",))
    with pytest.raises(Forbidden):
        report(serving, ("date",), ("sessions",), property="1")
    serving.faults = Faults(rate_limit=1, limits=False)
    with pytest.raises(TooManyRequests):
        report(serving, ("date",), ("sessions",))


def test_a_token_needs_the_accounts_own_key(serving: Serving) -> None:
    port = int(serving.secrets["GA_ENDPOINT"].rpartition(":")[2])
    stranger = credentials({}, port, 0)["GA_CREDENTIALS"]
    with client_of(serving, stranger) as client, pytest.raises(RefreshError, match="invalid_grant"):
        client.run_report(RunReportRequest(property="properties/1"))
    address = f"{serving.secrets['GA_ENDPOINT']}/v1beta/properties/{serving.secrets['GA_PROPERTY']}:runReport"
    assert httpx.post(address, json={}).json()["error"]["status"] == "UNAUTHENTICATED"


def test_the_sheet_is_a_csv_behind_a_redirect(serving: Serving) -> None:
    address = serving.secrets["MARKETING_BUDGET_URL"]
    assert httpx.get(address).status_code == 307
    lines = httpx.get(address, follow_redirects=True).content.decode().split("\r\n")
    assert lines[0] == "Month,Channel,Budget,Owner"
    assert len(lines) == 1 + 14 * 3
    assert lines[1].startswith('2024-06,facebook,"€')
    assert httpx.get(address.replace("gid=0", "gid=7")).status_code == 404
