"""One row per product on offer, newest state. Names come from vendors' own files: a few have broken umlauts."""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Grade, Money, Reference, Severity, Utc
from opetence_assets.datasets.product_service import LAG, product_service


class Product(pa.DataFrameModel):
    product_id: pl.Int64
    vendor_id: pl.Int32
    name: pl.String
    category: pl.String
    list_price: Money = pa.Field(ge=0)
    is_active: pl.Boolean
    created_at: Utc
    updated_at: Utc


products = Dataset(
    feed=product_service.table("products", lag=LAG),
    key=("product_id",),
    cursor="updated_at",
    schema=Product,
    rules={"garbled name": ~pl.col("name").str.contains("Ã|Â")},  # UTF-8 read as cp1252
    grades={"garbled name": Grade(Severity.WARN, up_to=0.05)},
    references=(Reference("product_service/vendors", ("vendor_id",)),),
    owner="team:products",
)
