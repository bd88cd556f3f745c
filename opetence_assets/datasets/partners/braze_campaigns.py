"""What a Braze campaign sent on a day, what came of it and what it cost; nested JSON lines, packed."""

from datetime import date, timedelta

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Freshness, Money, Watch
from opetence_assets.datasets.partners import partners
from opetence_assets.sources.numbers import decimal, whole

COUNTS = ("sent", "delivered", "opens", "clicks", "unsubscribes")


class CampaignSent(pa.DataFrameModel):
    campaign_id: pl.String
    campaign_name: pl.String = pa.Field(nullable=True)
    sent_on: pl.Date
    sent: pl.Int64 = pa.Field(ge=0)
    delivered: pl.Int64 = pa.Field(ge=0)
    opens: pl.Int64 = pa.Field(ge=0)
    clicks: pl.Int64 = pa.Field(ge=0)
    unsubscribes: pl.Int64 = pa.Field(ge=0)
    cost: Money = pa.Field(ge=0)
    currency: pl.String = pa.Field(isin=["EUR"])


def tidy(raw: pl.LazyFrame) -> pl.LazyFrame:
    return raw.with_columns(
        pl.col("sent_on").str.to_date("%Y-%m-%d", strict=False), decimal("cost"), *(whole(name) for name in COUNTS)
    )


braze_campaigns = Dataset(
    feed=partners.json_lines(
        "braze_campaigns",
        {
            **{name: name for name in ("campaign_id", "campaign_name", "sent_on")},
            **{name: f"stats.{name}" for name in COUNTS},
            "cost": "cost.amount",
            "currency": "cost.currency",
        },
        since=date(2025, 1, 1),
    ),
    key=("campaign_id", "sent_on"),
    schema=CampaignSent,
    tidy=tidy,
    rules={"more delivered than sent": pl.col("delivered") <= pl.col("sent")},
    freshness=Freshness(every=timedelta(days=1), alarm_after=timedelta(hours=36)),
    watch=Watch(figures=("sent", "cost"), distinct=("campaign_id",)),
    owner="team:marketing",
)
