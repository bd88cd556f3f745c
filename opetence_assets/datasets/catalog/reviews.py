"""One row per review, newest state: a review may be removed later, which is a status and no deletion.

Some ratings come as text, a few are no rating at all, and the same review may stand twice, the older one late.
"""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Completeness, Dataset, Month, Pii, Subject, Utc, Watch
from opetence_assets.datasets.catalog import LAG, catalog
from opetence_assets.sources.texts import typed

FIELDS = ("review_id", "product_id", "user_id", "order_id", "rating", "title", "body", "status")


class Review(pa.DataFrameModel):
    review_id: pl.String = pa.Field(str_matches=r"R\d{10}$")
    product_id: pl.Int64
    user_id: pl.Int64
    order_id: pl.String = pa.Field(nullable=True)
    rating: pl.Int32 = pa.Field(ge=1, le=5)
    title: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.SCRUB})
    body: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.SCRUB})
    status: pl.String = pa.Field(isin=["published", "removed"])
    reviewer_name: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.SEAL})
    created_at: Utc
    updated_at: Utc


reviews = Dataset(
    feed=catalog.collection(
        "reviews",
        {
            **{name: name for name in (*FIELDS, "created_at", "updated_at")},
            "reviewer_name": "reviewer.display_name",
        },
        cursor="updated_at", lag=LAG,
    ),
    key=("review_id",), cursor="updated_at", schema=Review, tidy=typed(Review),
    subject=Subject("user", "user_id"), partition_by=Month("created_at"),
    completeness=Completeness(null_rate_at_most={"order_id": 0.01}),
    watch=Watch(figures=("rating",)),
    owner="team:catalog",
)  # fmt: skip
