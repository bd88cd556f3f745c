"""One row per repayment of a charge, newest state."""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Month, Reference, Utc
from opetence_assets.datasets.payments import CURRENCY, at_seconds, payments


class Refund(pa.DataFrameModel):
    refund_id: pl.String = pa.Field(str_startswith="re_")
    charge_id: pl.String
    order_id: pl.String = pa.Field(nullable=True)
    return_id: pl.Int64 = pa.Field(nullable=True)
    amount: pl.Int64 = pa.Field(ge=0)
    currency: pl.String = pa.Field(str_matches=CURRENCY)
    reason: pl.String = pa.Field(nullable=True)
    status: pl.String = pa.Field(isin=["pending", "requires_action", "succeeded", "failed", "canceled"])
    created_at: Utc
    changed_at: Utc


refunds = Dataset(
    feed=payments.objects(
        "refunds", "refund",
        {
            "refund_id": "id", "charge_id": "charge", "order_id": "metadata.order_id",
            "return_id": "metadata.return_id", "amount": "amount", "currency": "currency", "reason": "reason",
            "status": "status", "created_at": "created",
        },
        event_types=("refund.created", "refund.updated", "refund.failed"),
    ),
    key=("refund_id",), cursor="changed_at", schema=Refund, tidy=at_seconds(Refund, "created_at"),
    references=(
        Reference("payments/charges", ("charge_id",), missing_at_most=0.01),
    ),
    partition_by=Month("created_at"), owner="team:finance",
)  # fmt: skip
