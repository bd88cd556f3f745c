"""One row per shipment, newest state.

The writer delivers at least once and the table has no key: exact and older copies occur. ``promised_at`` is local
time in Berlin without saying so. Some couriers' phones keep wrong time: delivered before shipped is refused.
"""

from datetime import timedelta

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Grade, Month, Reference, Utc, Watch
from opetence_assets.datasets.logistics_service import LAG, logistics_service

STATUSES = ["created", "picked_up", "in_transit", "delivered", "failed"]


class Shipment(pa.DataFrameModel):
    shipment_id: pl.Int64
    order_id: pl.String
    courier_id: pl.Int32
    microzone_id: pl.Int32
    status: pl.String = pa.Field(isin=STATUSES)
    shipped_at: Utc
    promised_at: Utc = pa.Field(nullable=True)
    delivered_at: Utc = pa.Field(nullable=True)
    updated_at: Utc


def tidy(raw: pl.LazyFrame) -> pl.LazyFrame:
    berlin = pl.col("promised_at").dt.replace_time_zone("Europe/Berlin", ambiguous="latest", non_existent="null")
    return raw.with_columns(berlin.dt.convert_time_zone("UTC"))


shipments = Dataset(
    feed=logistics_service.table("shipments", lag=LAG),
    key=("shipment_id",),
    cursor="updated_at",
    schema=Shipment,
    tidy=tidy,
    partition_by=Month("shipped_at"),
    rules={"delivered before shipped": pl.col("delivered_at") >= pl.col("shipped_at")},
    grades={"delivered before shipped": Grade(up_to=0.05)},
    watch=Watch(distinct=("courier_id",), by=("status",), settles=timedelta(days=7)),
    references=(
        Reference("order_service/orders", ("order_id",)),
        Reference("logistics_service/couriers", ("courier_id",)),
    ),
    owner="team:logistics",
)
