"""One row per customer of the payment provider; ``user_id`` is the shop's own number, from the metadata."""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Pii, Subject, Utc
from opetence_assets.datasets.payments import at_seconds, payments


class Customer(pa.DataFrameModel):
    customer_id: pl.String = pa.Field(str_startswith="cus_")
    user_id: pl.Int64 = pa.Field(nullable=True)
    email: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.HASH})
    name: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.SEAL})
    created_at: Utc
    changed_at: Utc


customers = Dataset(
    feed=payments.objects(
        "customers", "customer",
        {
            "customer_id": "id", "user_id": "metadata.user_id", "email": "email", "name": "name",
            "created_at": "created",
        },
        event_types=("customer.created", "customer.updated"),
    ),
    key=("customer_id",), cursor="changed_at", schema=Customer, tidy=at_seconds(Customer, "created_at"),
    subject=Subject("stripe_customer", "customer_id"), owner="team:finance",
)  # fmt: skip
