"""One row per delivery address, by its changes: users delete theirs, and an address must not outlive its deletion."""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Deletes, Pii, Subject, Utc
from opetence_assets.datasets.user_service import user_service


class Address(pa.DataFrameModel):
    address_id: pl.Int64
    user_id: pl.Int64
    address_line: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.SEAL})
    city: pl.String = pa.Field(nullable=True)
    postcode: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.SEAL})
    country: pl.String
    microzone_id: pl.Int32
    created_at: Utc
    updated_at: Utc


addresses = Dataset(
    feed=user_service.changes("addresses", slot="opetence_addresses", publication="opetence"),
    key=("address_id",),
    cursor="updated_at",
    schema=Address,
    subject=Subject("user", "user_id"),
    deletes=Deletes.TOLD,
    owner="team:users",
)
