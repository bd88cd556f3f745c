"""One row per session and day, with the campaign it came from and the order it led to, if it led to one."""

from datetime import timedelta

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Deletes, Freshness, Month, Pii, Subject, Watch
from opetence_assets.datasets.web import web
from opetence_assets.sources.texts import typed


class Session(pa.DataFrameModel):
    date: pl.Date
    session_id: pl.String
    client_id: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.HASH})
    source: pl.String
    medium: pl.String
    campaign_id: pl.String = pa.Field(nullable=True)
    landing_page: pl.String = pa.Field(nullable=True)
    device: pl.String
    order_id: pl.String = pa.Field(nullable=True)
    events: pl.Int64 = pa.Field(ge=0)
    engaged: pl.Boolean
    engaged_seconds: pl.Int64 = pa.Field(ge=0)
    thresholded: pl.Boolean


def tidy(raw: pl.LazyFrame) -> pl.LazyFrame:
    named = raw.with_columns(pl.col("campaign_id", "landing_page", "order_id").replace(["", "(not set)"], None))
    return typed(Session)(named)


sessions = Dataset(
    feed=web.report(
        "sessions",
        dimensions={
            "session_id": "customEvent:ga_session_id", "client_id": "customUser:client_id", "source": "sessionSource",
            "medium": "sessionMedium", "campaign_id": "sessionCampaignId", "landing_page": "landingPage",
            "device": "deviceCategory", "order_id": "transactionId",
        },
        metrics={"events": "eventCount", "engaged": "engagedSessions", "engaged_seconds": "userEngagementDuration"},
    ),
    key=("date", "session_id"), schema=Session, tidy=tidy,
    deletes=Deletes.RESTATED, subject=Subject("web_session", "session_id"), partition_by=Month("date"),
    watch=Watch(figures=("engaged_seconds",), by=("device",)),
    freshness=Freshness(every=timedelta(days=1), alarm_after=timedelta(hours=36)), owner="team:web",
)  # fmt: skip
