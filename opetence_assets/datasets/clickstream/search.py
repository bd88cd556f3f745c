"""One row per search in the shop, with the number of products found. People type anything, their own address too."""

from datetime import timedelta

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Completeness, Dataset, Freshness, Month, Pii, Subject, Utc
from opetence_assets.datasets.clickstream import EVENT, clickstream
from opetence_assets.sources.texts import typed


class Search(pa.DataFrameModel):
    event_id: pl.String
    session_id: pl.String
    user_id: pl.Int64 = pa.Field(nullable=True)
    ip: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.NETWORK})
    occurred_at: Utc
    sent_at: Utc
    query: pl.String = pa.Field(metadata={"pii": Pii.SCRUB})
    results: pl.Int32 = pa.Field(ge=0)


search = Dataset(
    feed=clickstream.topic("search", (*EVENT, "query", "results")),
    key=("event_id",),
    schema=Search,
    tidy=typed(Search),
    subject=Subject("user", "user_id"),
    partition_by=Month("occurred_at"),
    rules={"sent before it happened": pl.col("sent_at") >= pl.col("occurred_at")},
    freshness=Freshness(every=timedelta(minutes=15), alarm_after=timedelta(hours=2)),
    completeness=Completeness(null_rate_at_most={"ip_network": 0.01}),
    owner="team:web",
)
