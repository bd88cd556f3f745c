"""How often each kind of event happened on a day, by device and source."""

from datetime import timedelta

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Deletes, Freshness, Month
from opetence_assets.datasets.web import web
from opetence_assets.sources.texts import typed


class EventDay(pa.DataFrameModel):
    date: pl.Date
    event_name: pl.String
    device: pl.String
    source: pl.String
    events: pl.Int64 = pa.Field(ge=0)
    users: pl.Int64 = pa.Field(ge=0)
    revenue: pl.Decimal(14, 2) = pa.Field(ge=0)  # type: ignore[valid-type]
    thresholded: pl.Boolean


events = Dataset(
    feed=web.report(
        "events",
        dimensions={"event_name": "eventName", "device": "deviceCategory", "source": "sessionSource"},
        metrics={"events": "eventCount", "users": "activeUsers", "revenue": "purchaseRevenue"},
    ),
    key=("date", "event_name", "device", "source"), schema=EventDay, tidy=typed(EventDay),
    deletes=Deletes.RESTATED, partition_by=Month("date"),
    freshness=Freshness(every=timedelta(days=1), alarm_after=timedelta(hours=36)), owner="team:web",
)  # fmt: skip
