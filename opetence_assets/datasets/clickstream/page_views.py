"""One row per page seen. Of the visitor's address only its network is kept; nothing of it needs a key."""

from datetime import timedelta

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Completeness, Dataset, Freshness, Month, Pii, Subject, Utc, Watch
from opetence_assets.datasets.clickstream import EVENT, clickstream
from opetence_assets.sources.texts import typed


class PageView(pa.DataFrameModel):
    event_id: pl.String
    session_id: pl.String
    user_id: pl.Int64 = pa.Field(nullable=True)
    ip: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.NETWORK})
    occurred_at: Utc
    sent_at: Utc
    url: pl.String


page_views = Dataset(
    feed=clickstream.topic("page_views", (*EVENT, "url")),
    key=("event_id",),
    schema=PageView,
    tidy=typed(PageView),
    subject=Subject("user", "user_id"),
    partition_by=Month("occurred_at"),
    rules={"sent before it happened": pl.col("sent_at") >= pl.col("occurred_at")},
    freshness=Freshness(every=timedelta(minutes=15), alarm_after=timedelta(hours=2)),
    completeness=Completeness(null_rate_at_most={"ip_network": 0.01}),
    watch=Watch(distinct=("session_id",)),
    owner="team:web",
)
