"""One row per delivery zone of a few square kilometres."""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Utc
from opetence_assets.datasets.logistics_service import LAG, logistics_service


class Microzone(pa.DataFrameModel):
    microzone_id: pl.Int32
    name: pl.String
    city: pl.String
    area_km2: pl.Decimal(8, 2) = pa.Field(ge=0)  # type: ignore[valid-type]
    updated_at: Utc


microzones = Dataset(
    feed=logistics_service.table("microzones", lag=LAG),
    key=("microzone_id",),
    cursor="updated_at",
    schema=Microzone,
    owner="team:logistics",
)
