"""One row per ticket, newest state, by Zendesk's cursor export.

The export's token says where it stopped, so nothing is read twice. ``external_id`` is the order the customer wrote
about; the customer's number in the shop stands in a custom field.
"""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Month, Pii, Subject, Utc, Watch
from opetence_assets.datasets.support import support
from opetence_assets.sources.texts import typed


class Ticket(pa.DataFrameModel):
    ticket_id: pl.Int64
    order_id: pl.String = pa.Field(nullable=True)
    user_id: pl.Int64 = pa.Field(nullable=True)
    subject: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.SCRUB})
    description: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.SCRUB})
    requester_email: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.HASH})
    requester_name: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.SEAL})
    status: pl.String = pa.Field(isin=["new", "open", "pending", "hold", "solved", "closed", "deleted"])
    priority: pl.String = pa.Field(nullable=True, isin=["low", "normal", "high", "urgent"])
    channel: pl.String
    created_at: Utc
    updated_at: Utc


tickets = Dataset(
    feed=support.resource(
        "tickets",
        "/api/v2/incremental/tickets/cursor.json",
        records="tickets",
        fields={
            "ticket_id": "id", "order_id": "external_id", "user_id": "custom_fields.0.value", "subject": "subject",
            "description": "description", "requester_email": "via.source.from.address",
            "requester_name": "via.source.from.name", "status": "status", "priority": "priority",
            "channel": "via.channel", "created_at": "created_at", "updated_at": "updated_at",
        },
        ignored=("requester_id", "tags", "generated_timestamp", "custom_fields", "via"),
        paginator={"type": "cursor", "cursor_path": "after_cursor", "cursor_param": "cursor"},
        token=("after_cursor", "cursor"), done="end_of_stream", since_param="start_time", since_as="unix",
        probe="/api/v2/tickets.json?sort_by=updated_at&sort_order=desc&per_page=1",
    ),
    key=("ticket_id",), cursor="updated_at", schema=Ticket, tidy=typed(Ticket),
    subject=Subject("user", "user_id"), partition_by=Month("created_at"),
    watch=Watch(by=("channel",)),
    owner="team:support",
)  # fmt: skip
