"""One row per charge that a customer's bank wants back, newest state."""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Month, Utc
from opetence_assets.datasets.payments import CURRENCY, at_seconds, payments


class Dispute(pa.DataFrameModel):
    dispute_id: pl.String = pa.Field(str_startswith="dp_")
    charge_id: pl.String
    amount: pl.Int64 = pa.Field(ge=0)
    currency: pl.String = pa.Field(str_matches=CURRENCY)
    reason: pl.String
    status: pl.String
    created_at: Utc
    changed_at: Utc


disputes = Dataset(
    feed=payments.objects(
        "disputes", "dispute",
        {
            "dispute_id": "id", "charge_id": "charge", "amount": "amount", "currency": "currency",
            "reason": "reason", "status": "status", "created_at": "created",
        },
        event_types=("charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed"),
    ),
    key=("dispute_id",), cursor="changed_at", schema=Dispute, tidy=at_seconds(Dispute, "created_at"),
    partition_by=Month("created_at"), owner="team:finance",
)  # fmt: skip
