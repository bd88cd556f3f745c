"""Every price a product ever had; append only."""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Money, Utc
from opetence_assets.datasets.product_service import LAG, product_service


class Price(pa.DataFrameModel):
    price_id: pl.Int64
    product_id: pl.Int64
    price: Money = pa.Field(ge=0)
    valid_from: Utc
    updated_at: Utc


prices = Dataset(
    feed=product_service.table("prices", lag=LAG),
    key=("price_id",),
    cursor="updated_at",
    schema=Price,
    owner="team:products",
)
