"""One row per order, newest state.

``updated_at`` is set by a trigger on every write, but a transaction may commit minutes after it was stamped.
Orders are never deleted, only cancelled. Voucher codes are typed by people: blanks and case vary.
"""

from datetime import timedelta

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Completeness, Dataset, Grade, Money, Month, Pii, Reference, Subject, Utc, Watch
from opetence_assets.datasets.order_service import LAG, ORDER_ID, order_service

STATUSES = ["placed", "paid", "shipped", "delivered", "cancelled"]
PAID = pl.col("status").is_in(["paid", "shipped", "delivered"])


class Order(pa.DataFrameModel):
    order_id: pl.String = pa.Field(str_matches=ORDER_ID)
    user_id: pl.Int64
    microzone_id: pl.Int32
    status: pl.String = pa.Field(isin=STATUSES)
    currency: pl.String = pa.Field(isin=["EUR"])
    total: Money = pa.Field(ge=0)
    voucher_code: pl.String = pa.Field(nullable=True)
    recipient_phone: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.MASK})
    delivery_address: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.SEAL})
    ordered_at: Utc
    updated_at: Utc


def tidy(raw: pl.LazyFrame) -> pl.LazyFrame:
    return raw.with_columns(pl.col("voucher_code").str.strip_chars().str.to_uppercase().replace("", None))


orders = Dataset(
    feed=order_service.table("orders", lag=LAG),
    key=("order_id",),
    cursor="updated_at",
    schema=Order,
    tidy=tidy,
    subject=Subject("user", "user_id"),
    partition_by=Month("ordered_at"),
    rules={"ordered in the future": pl.col("ordered_at") <= pl.col("_loaded_at")},
    grades={"total: greater_than_or_equal_to": Grade(up_to=0.001), "ordered in the future": Grade(up_to=0.01)},
    completeness=Completeness(null_rate_at_most={"recipient_phone_masked": 0.05}),
    watch=Watch(figures=("total",), distinct=("user_id",), by=("status",), settles=timedelta(days=14)),
    references=(
        Reference("user_service/users", ("user_id",), missing_at_most=0.01),  # orphans, and users in quarantine
        Reference("logistics_service/microzones", ("microzone_id",)),
        Reference("payments/charges", ("order_id",), where=PAID, missing_at_most=0.01),
        Reference("order_service/order_items", ("order_id",)),
    ),
    owner="team:orders",
)
