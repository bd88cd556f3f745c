"""One row per vendor. The contact e-mail is a person's."""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Pii, Subject, Utc
from opetence_assets.datasets.product_service import LAG, product_service


class Vendor(pa.DataFrameModel):
    vendor_id: pl.Int32
    name: pl.String
    country: pl.String
    contact_email: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.HASH})
    created_at: Utc
    updated_at: Utc


vendors = Dataset(
    feed=product_service.table("vendors", lag=LAG),
    key=("vendor_id",),
    cursor="updated_at",
    schema=Vendor,
    subject=Subject("vendor", "vendor_id"),
    owner="team:products",
)
