"""One row per line of an order. ``created_at`` is always the order's ``ordered_at``."""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Grade, Money, Month, Reference, Utc, Watch
from opetence_assets.datasets.order_service import LAG, ORDER_ID, order_service


class OrderItem(pa.DataFrameModel):
    order_id: pl.String = pa.Field(str_matches=ORDER_ID)
    line_no: pl.Int32 = pa.Field(ge=1)
    product_id: pl.Int64
    quantity: pl.Int32 = pa.Field(ge=1)
    unit_price: Money = pa.Field(ge=0)
    discount: Money = pa.Field(ge=0)
    created_at: Utc
    updated_at: Utc


order_items = Dataset(
    feed=order_service.table("order_items", lag=LAG),
    key=("order_id", "line_no"),
    cursor="updated_at",
    schema=OrderItem,
    partition_by=Month("created_at"),
    rules={"discount above the line's value": pl.col("discount") <= pl.col("unit_price") * pl.col("quantity")},
    grades={"discount above the line's value": Grade(up_to=0.001)},
    watch=Watch(figures=("quantity", "unit_price"), distinct=("product_id",)),
    references=(
        Reference("order_service/orders", ("order_id",)),
        Reference("product_service/products", ("product_id",)),
    ),
    owner="team:orders",
)
