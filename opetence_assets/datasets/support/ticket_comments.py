"""One row per comment on a ticket, taken from the export of ticket events; comments are never edited."""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Month, Pii, Reference, Subject, Utc
from opetence_assets.datasets.support import support
from opetence_assets.sources.texts import typed


class Comment(pa.DataFrameModel):
    comment_id: pl.Int64
    ticket_id: pl.Int64
    author_id: pl.Int64
    is_public: pl.Boolean
    body: pl.String = pa.Field(metadata={"pii": Pii.SCRUB})
    created_at: Utc


ticket_comments = Dataset(
    feed=support.resource(
        "ticket_comments",
        "/api/v2/incremental/ticket_events.json",
        params={"include": "comment_events"},
        records="ticket_events",
        unwind="child_events",
        fields={
            "comment_id": "id", "ticket_id": "parent.ticket_id", "author_id": "author_id", "is_public": "public",
            "body": "body", "created_at": "created_at", "event_type": "event_type",
        },
        ignored=("parent", "previous_value", "status"),  # of the ticket, and of its other events
        paginator={"type": "json_link", "next_url_path": "next_page"},
        cursor="created_at", since_param="start_time", since_as="unix", done="end_of_stream",
        probe="/api/v2/tickets.json?sort_by=updated_at&sort_order=desc&per_page=1",
    ),
    key=("comment_id",), cursor="created_at", schema=Comment, tidy=typed(Comment),
    filters={"not a comment": pl.col("event_type") != "Comment"},
    subject=Subject("zendesk_user", "author_id"), partition_by=Month("created_at"),
    references=(
        Reference("support/tickets", ("ticket_id",), missing_at_most=0.01),
    ),
    owner="team:support",
)  # fmt: skip
