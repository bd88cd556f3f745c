"""One row per returned line. Some name an order that the order service has since lost."""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Money, Reference, Utc, Watch
from opetence_assets.datasets.order_service import LAG, order_service


class Return(pa.DataFrameModel):
    return_id: pl.Int64
    order_id: pl.String
    line_no: pl.Int32 = pa.Field(ge=1)
    reason: pl.String = pa.Field(nullable=True)
    refund_amount: Money = pa.Field(ge=0)
    returned_at: Utc
    updated_at: Utc


returns = Dataset(
    feed=order_service.table("returns", lag=LAG),
    key=("return_id",),
    cursor="updated_at",
    schema=Return,
    watch=Watch(figures=("refund_amount",), day="returned_at"),
    references=(
        Reference("order_service/orders", ("order_id",), missing_at_most=0.01),  # the service lost 0.2 %
    ),
    owner="team:orders",
)
