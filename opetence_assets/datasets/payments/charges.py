"""One row per attempt to take money for an order, newest state: refunds and disputes change it.

``order_id`` is what the shop wrote into the metadata; a few charges name no order that exists.
"""

from datetime import timedelta

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Grade, Month, Pii, Reference, Severity, Subject, Utc, Watch
from opetence_assets.datasets.payments import CURRENCY, at_seconds, payments


class Charge(pa.DataFrameModel):
    charge_id: pl.String = pa.Field(str_startswith="ch_")
    customer_id: pl.String = pa.Field(nullable=True)
    order_id: pl.String = pa.Field(nullable=True)
    amount: pl.Int64 = pa.Field(ge=0)
    amount_refunded: pl.Int64 = pa.Field(ge=0)
    currency: pl.String = pa.Field(str_matches=CURRENCY)
    status: pl.String = pa.Field(isin=["succeeded", "failed", "pending"])
    is_disputed: pl.Boolean
    failure_code: pl.String = pa.Field(nullable=True)
    card_brand: pl.String = pa.Field(nullable=True)
    card_country: pl.String = pa.Field(nullable=True)
    card_last4: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.SEAL})
    billing_email: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.HASH})
    billing_name: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.SEAL})
    created_at: Utc
    changed_at: Utc


charges = Dataset(
    feed=payments.objects(
        "charges", "charge",
        {
            "charge_id": "id", "customer_id": "customer", "order_id": "metadata.order_id", "amount": "amount",
            "amount_refunded": "amount_refunded", "currency": "currency", "status": "status",
            "is_disputed": "disputed", "failure_code": "failure_code",
            "card_brand": "payment_method_details.card.brand", "card_country": "payment_method_details.card.country",
            "card_last4": "payment_method_details.card.last4", "billing_email": "billing_details.email",
            "billing_name": "billing_details.name", "created_at": "created",
        },
        event_types=("charge.succeeded", "charge.failed", "charge.pending", "charge.updated", "charge.refunded"),
        ignored=("paid", "refunded", "balance_transaction", "payment_method_details.type"),
    ),
    key=("charge_id",), cursor="changed_at", schema=Charge, tidy=at_seconds(Charge, "created_at"),
    subject=Subject("stripe_customer", "customer_id"), partition_by=Month("created_at"),
    rules={"refunded more than charged": pl.col("amount_refunded") <= pl.col("amount")},
    grades={"amount: greater_than_or_equal_to": Grade(Severity.BLOCK)},
    watch=Watch(figures=("amount",), by=("currency", "status"), settles=timedelta(days=3)),
    references=(
        Reference("order_service/orders", ("order_id",), missing_at_most=0.01),
    ),
    owner="team:finance",
)  # fmt: skip
