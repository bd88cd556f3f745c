"""One row per rating of a solved ticket; ``offered`` until the customer answers."""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Month, Pii, Subject, Utc
from opetence_assets.datasets.support import support
from opetence_assets.sources.texts import typed


class Rating(pa.DataFrameModel):
    rating_id: pl.Int64
    ticket_id: pl.Int64
    requester_id: pl.Int64
    score: pl.String = pa.Field(isin=["good", "bad", "offered"])
    comment: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.SCRUB})
    created_at: Utc
    updated_at: Utc


satisfaction_ratings = Dataset(
    feed=support.resource(
        "satisfaction_ratings",
        "/api/v2/satisfaction_ratings.json",
        params={"page[size]": 100},
        records="satisfaction_ratings",
        fields={
            "rating_id": "id", "ticket_id": "ticket_id", "requester_id": "requester_id", "score": "score",
            "comment": "comment", "created_at": "created_at", "updated_at": "updated_at",
        },
        paginator={
            "type": "cursor", "cursor_path": "meta.after_cursor", "cursor_param": "page[after]",
            "has_more_path": "meta.has_more",
        },
        cursor="updated_at", since_param="start_time", since_as="unix",
        probe="/api/v2/satisfaction_ratings.json?sort_by=updated_at&sort_order=desc&per_page=1",
    ),
    key=("rating_id",), cursor="updated_at", schema=Rating, tidy=typed(Rating),
    subject=Subject("zendesk_user", "requester_id"), partition_by=Month("created_at"),
    owner="team:support",
)  # fmt: skip
