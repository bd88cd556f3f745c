"""Every answer a user gave to a question of consent; append only, the newest per user and purpose holds.

The writer delivers at least once, so a few rows stand twice.
"""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Utc, Watch
from opetence_assets.datasets.user_service import LAG, user_service


class Consent(pa.DataFrameModel):
    consent_id: pl.Int64
    user_id: pl.Int64
    purpose: pl.String = pa.Field(isin=["analytics", "marketing"])
    granted: pl.Boolean
    recorded_at: Utc


consents = Dataset(
    feed=user_service.table("consents", lag=LAG),
    key=("consent_id",),
    cursor="recorded_at",
    schema=Consent,
    watch=Watch(day="recorded_at", by=("purpose",)),
    owner="team:users",
)
