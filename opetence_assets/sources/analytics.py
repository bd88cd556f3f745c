"""Google Analytics 4 by Google's own client: reports by the day, and the days that GA still restates read again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING, Any

from opetence_assets.dataset import DataError, Dataset, Extract, Extraction, Facts
from opetence_assets.sources.records import Shape, again, tabled

if TYPE_CHECKING:
    import pyarrow

    from opetence_assets.settings import Settings

RECONNECT = 1800  # seconds after which a new token is asked for
PAGE_ROWS = 100_000  # of the 250,000 that the API allows
DATE, THRESHOLDED = "date", "thresholded"


@dataclass(frozen=True)
class Analytics:
    """A GA4 property: the variables with its number, the API's address and the service account's key (JSON)."""

    system: str
    property_id: str
    endpoint: str
    credentials: str

    def report(self, name: str, dimensions: dict[str, str], metrics: dict[str, str], **declared: Any) -> Report:
        """A daily report: column → GA's name of a dimension or metric; ``date`` and ``thresholded`` come too."""
        return Report(self, name, dimensions, metrics, **declared)


@dataclass(frozen=True)
class Report:
    """One report, read day by day.

    Attributes:
        restated: how long GA goes on correcting a day.
        patience: how long a request is tried again; a quota by the hour is left for the next run.
    """

    source: Analytics
    name: str
    dimensions: dict[str, str]
    metrics: dict[str, str]
    begin: date = date(2020, 10, 14)  # GA4's first day
    restated: timedelta = timedelta(days=3)
    patience: timedelta = timedelta(minutes=1)
    kind: str = "googleanalytics"
    since: date | None = None

    @property
    def system(self) -> str:
        return self.source.system

    @property
    def columns(self) -> tuple[str, ...]:
        return (DATE, *self.dimensions, *self.metrics, THRESHOLDED)

    @cached_property
    def shape(self) -> Shape:
        return Shape({name: name for name in self.columns}, cursor=DATE)

    def extract(self, request: Extract, settings: Settings) -> Extraction:
        """Opens the read of every day since the last one read, less those still restated.

        Raises (while reading):
            DataError: unreachable, refused, or out of quota.
        """
        read = _Read(self, request, settings)
        return Extraction(
            batches=_batches(read),
            facts=lambda: Facts(read.rows, None, read.newest),
            close=lambda: None,
            rereads=_rereads(self, request),
        )

    def fingerprint(self, dataset: Dataset, settings: Settings) -> str:
        """The totals of the days that may still move, by day; one small request."""
        read = _Read(self, Extract(dataset), settings)
        totals = _asked(read, "30daysAgo", "today", dimensions=[DATE], offset=0)
        rows = sorted(f"{row.dimension_values[0].value} {[m.value for m in row.metric_values]}" for row in totals.rows)
        return sha256("\n".join(rows).encode()).hexdigest()


@dataclass
class _Read:
    """A read under way: grows while its days arrive."""

    feed: Report
    request: Extract
    settings: Settings
    rows: int = 0
    newest: datetime | None = None
    client: Any = None
    connected: float = 0.0  # when, by the monotonic clock


def _batches(read: _Read) -> Iterator[pyarrow.Table]:
    yield tabled([], read.feed.shape)  # the schema, even of no records
    for day in _days(read):
        for records in _reported(read, day):
            read.rows += len(records)
            read.newest = datetime.combine(day, time(), UTC)
            yield tabled(records, read.feed.shape)


def _days(read: _Read) -> list[date]:
    """The days of the span that have any row; GA is asked, as only it knows its own today."""
    first, last = _first(read.feed, read.request), "today"
    if read.request.window:
        last = (read.request.window.end.date() - timedelta(days=1)).isoformat()
    seen = _asked(read, first.isoformat(), last, dimensions=[DATE], offset=0)
    return sorted(datetime.strptime(row.dimension_values[0].value, "%Y%m%d").date() for row in seen.rows)


def _first(feed: Report, request: Extract) -> date:
    if request.window:
        return request.window.start.date()
    return (request.after - feed.restated).date() if isinstance(request.after, datetime) else feed.begin


def _rereads(feed: Report, request: Extract) -> Any:
    if request.window or isinstance(request.after, datetime):
        span = again(datetime.combine(_first(feed, request), time(), UTC))
        return span & _before(request.window.end) if request.window else span
    return None


def _before(end: datetime) -> Any:
    import polars as pl

    return pl.col("_cursor") < end


def _reported(read: _Read, day: date) -> Iterator[list[dict[str, Any]]]:
    """One day's rows, page by page: asked by the day, so that what GA says of an answer is true of that day."""
    offset, total = 0, 1
    while offset < total:
        answer = _asked(
            read, day.isoformat(), day.isoformat(), dimensions=list(read.feed.dimensions.values()), offset=offset
        )
        total, offset = answer.row_count, offset + PAGE_ROWS
        hidden = "true" if answer.metadata.subject_to_thresholding else "false"
        names = (*read.feed.dimensions, *read.feed.metrics)
        yield [
            {DATE: day.isoformat(), THRESHOLDED: hidden}
            | dict(zip(names, [v.value for v in (*row.dimension_values, *row.metric_values)], strict=True))
            for row in answer.rows
        ]


def _asked(read: _Read, first: str, last: str, *, dimensions: list[str], offset: int) -> Any:
    from google.analytics.data_v1beta.types import DateRange, Dimension, Metric, RunReportRequest
    from google.api_core import exceptions, retry
    from google.auth.exceptions import GoogleAuthError

    dataset, source = read.request.dataset.name, read.feed.source
    request = RunReportRequest(
        property=f"properties/{read.settings.secret(source.property_id, dataset=dataset)}",
        date_ranges=[DateRange(start_date=first, end_date=last)],
        dimensions=[Dimension(name=name) for name in dimensions],
        metrics=[Metric(name=name) for name in read.feed.metrics.values()],
        limit=PAGE_ROWS,
        offset=offset,
    )
    transient = (
        exceptions.ResourceExhausted,
        exceptions.TooManyRequests,
        exceptions.ServerError,
        exceptions.RetryError,
    )
    passing = retry.if_exception_type(*transient, ConnectionError)
    patience = retry.Retry(passing, initial=0.25, timeout=read.feed.patience.total_seconds())
    try:
        if read.client is None or monotonic() - read.connected > RECONNECT:
            read.client, read.connected = _client(read.feed, read.settings, dataset), monotonic()
        return read.client.run_report(request, retry=patience)
    except (exceptions.GoogleAPIError, GoogleAuthError, OSError, ValueError) as error:
        raise DataError(
            dataset,
            found=f"no report from Google Analytics at {source.endpoint} ({type(error).__name__})",
            allowed="a service account that may read the property, within its quota; nothing of this read was kept",
            next_command=f"check {source.credentials} and the property's quota, then opetence run --select {dataset}",
        ) from None  # Google's message may quote the account


def _client(feed: Report, settings: Settings, dataset: str) -> Any:
    import google.oauth2.credentials
    from google.analytics.data_v1beta import BetaAnalyticsDataClient
    from google.analytics.data_v1beta.services.beta_analytics_data.transports import BetaAnalyticsDataRestTransport
    from google.auth.transport.requests import Request
    from google.oauth2.service_account import Credentials

    scheme, _, host = settings.secret(feed.source.endpoint, dataset=dataset).rpartition("://")
    key = json.loads(settings.secret(feed.source.credentials, dataset=dataset))
    account = Credentials.from_service_account_info(key, scopes=["https://www.googleapis.com/auth/analytics.readonly"])
    account.refresh(Request())
    # A bare token, as the account itself would look up its regions at another host, from a thread, telling its name to
    # every log. A token lasts an hour; a longer read gets a new one.
    token = google.oauth2.credentials.Credentials(token=account.token)
    transport = BetaAnalyticsDataRestTransport(host=host.rstrip("/"), credentials=token, url_scheme=scheme or "https")
    return BetaAnalyticsDataClient(transport=transport)
