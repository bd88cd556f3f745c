"""One row per courier: a person."""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Pii, Subject, Utc
from opetence_assets.datasets.logistics_service import LAG, logistics_service


class Courier(pa.DataFrameModel):
    courier_id: pl.Int32
    name: pl.String = pa.Field(metadata={"pii": Pii.SEAL})
    phone: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.MASK})
    vehicle: pl.String
    is_active: pl.Boolean
    updated_at: Utc


couriers = Dataset(
    feed=logistics_service.table("couriers", lag=LAG),
    key=("courier_id",),
    cursor="updated_at",
    schema=Courier,
    subject=Subject("courier", "courier_id"),
    owner="team:logistics",
)
