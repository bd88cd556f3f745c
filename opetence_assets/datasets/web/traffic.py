"""The daily traffic report by source, medium and campaign. Rows of very few users are left out by GA (thresholded)."""

from datetime import timedelta

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Deletes, Freshness, Month
from opetence_assets.datasets.web import web
from opetence_assets.sources.texts import typed


class TrafficDay(pa.DataFrameModel):
    date: pl.Date
    source: pl.String
    medium: pl.String
    campaign_id: pl.String
    campaign_name: pl.String = pa.Field(nullable=True)
    sessions: pl.Int64 = pa.Field(ge=0)
    users: pl.Int64 = pa.Field(ge=0)
    engaged_sessions: pl.Int64 = pa.Field(ge=0)
    conversions: pl.Int64 = pa.Field(ge=0)
    thresholded: pl.Boolean


traffic = Dataset(
    feed=web.report(
        "traffic",
        dimensions={
            "source": "sessionSource", "medium": "sessionMedium", "campaign_id": "sessionCampaignId",
            "campaign_name": "sessionCampaignName",
        },
        metrics={
            "sessions": "sessions", "users": "activeUsers", "engaged_sessions": "engagedSessions",
            "conversions": "keyEvents",
        },
    ),
    key=("date", "source", "medium", "campaign_id"), schema=TrafficDay, tidy=typed(TrafficDay),
    deletes=Deletes.RESTATED, partition_by=Month("date"),
    freshness=Freshness(every=timedelta(days=1), alarm_after=timedelta(hours=36)), owner="team:web",
)  # fmt: skip
