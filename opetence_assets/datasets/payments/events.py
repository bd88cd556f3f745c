"""What happened in the account, a row an event: to which object, when. The object's state is in the object's table.

Stripe keeps events for thirty days; here they stay.
"""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Month, Utc
from opetence_assets.datasets.payments import at_seconds, payments


class Event(pa.DataFrameModel):
    event_id: pl.String = pa.Field(str_startswith="evt_")
    type: pl.String
    object_id: pl.String
    api_version: pl.String = pa.Field(nullable=True)
    created_at: Utc
    changed_at: Utc


events = Dataset(
    feed=payments.objects(
        "events", "event",
        {
            "event_id": "id", "type": "type", "object_id": "data.object.id", "api_version": "api_version",
            "created_at": "created",
        },
        ignored=("data", "pending_webhooks", "request"),
    ),
    key=("event_id",), cursor="changed_at", schema=Event, tidy=at_seconds(Event, "created_at"),
    partition_by=Month("created_at"), owner="team:finance",
)  # fmt: skip
