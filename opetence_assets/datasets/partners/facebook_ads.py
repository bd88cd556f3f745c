"""What a campaign cost and reached on a day. Facebook restates days: a ``_v2`` file wins over the first."""

from datetime import date, timedelta

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Freshness, Money, Watch
from opetence_assets.datasets.partners import partners

COLUMNS = ("date", "campaign_id", "campaign_name", "impressions", "clicks", "spend", "currency")


class CampaignDay(pa.DataFrameModel):
    date: pl.Date
    campaign_id: pl.String
    campaign_name: pl.String = pa.Field(nullable=True)
    impressions: pl.Int64 = pa.Field(ge=0)
    clicks: pl.Int64 = pa.Field(ge=0)
    spend: Money = pa.Field(ge=0)
    currency: pl.String = pa.Field(isin=["EUR"])


def tidy(raw: pl.LazyFrame) -> pl.LazyFrame:
    return raw.with_columns(
        pl.col("date").str.to_date(strict=False),
        pl.col("impressions", "clicks").cast(pl.Int64, strict=False),
        pl.col("spend").cast(pl.Decimal(12, 2), strict=False),
    )


facebook_ads = Dataset(
    feed=partners.csv("facebook_ads", COLUMNS, since=date(2025, 1, 1)),
    key=("date", "campaign_id"),
    schema=CampaignDay,
    tidy=tidy,
    rules={"more clicks than impressions": pl.col("clicks") <= pl.col("impressions")},
    freshness=Freshness(every=timedelta(days=1), alarm_after=timedelta(hours=36)),
    watch=Watch(figures=("spend", "impressions", "clicks"), distinct=("campaign_id",)),
    owner="team:marketing",
)
