"""Stock of a product in a warehouse. Rows are deleted when a product leaves a warehouse: keys are reconciled."""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Deletes, Utc
from opetence_assets.datasets.product_service import LAG, product_service


class Stock(pa.DataFrameModel):
    product_id: pl.Int64
    warehouse: pl.String
    quantity: pl.Int32 = pa.Field(ge=0)
    updated_at: Utc


inventory = Dataset(
    feed=product_service.table("inventory", lag=LAG),
    key=("product_id", "warehouse"),
    cursor="updated_at",
    schema=Stock,
    deletes=Deletes.HARD,
    owner="team:products",
)
