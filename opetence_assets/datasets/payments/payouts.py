"""What Stripe paid to the company's bank account, a row a payout."""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Month, Utc
from opetence_assets.datasets.payments import CURRENCY, at_seconds, payments


class Payout(pa.DataFrameModel):
    payout_id: pl.String = pa.Field(str_startswith="po_")
    amount: pl.Int64
    currency: pl.String = pa.Field(str_matches=CURRENCY)
    status: pl.String = pa.Field(isin=["paid", "pending", "in_transit", "canceled", "failed"])
    arrives_at: Utc
    created_at: Utc
    changed_at: Utc


payouts = Dataset(
    feed=payments.objects(
        "payouts", "payout",
        {
            "payout_id": "id", "amount": "amount", "currency": "currency", "status": "status",
            "arrives_at": "arrival_date", "created_at": "created",
        },
        event_types=("payout.created", "payout.updated", "payout.paid", "payout.failed", "payout.canceled"),
    ),
    key=("payout_id",), cursor="changed_at", schema=Payout, tidy=at_seconds(Payout, "created_at", "arrives_at"),
    partition_by=Month("created_at"), owner="team:finance",
)  # fmt: skip
