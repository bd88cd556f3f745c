"""One row per size a product is sold in, taken out of the product's document."""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Completeness, Dataset, Deletes, Utc
from opetence_assets.datasets.catalog import LAG, catalog
from opetence_assets.sources.texts import typed


class ProductVariant(pa.DataFrameModel):
    sku: pl.String
    product_id: pl.Int64
    size: pl.String = pa.Field(nullable=True)
    barcode: pl.String = pa.Field(nullable=True)
    stock: pl.Int32 = pa.Field(ge=0)
    updated_at: Utc


product_variants = Dataset(
    feed=catalog.collection(
        "product_variants",
        {
            **{name: name for name in ("sku", "size", "barcode", "stock")},
            "product_id": "parent.product_id",
            "updated_at": "parent.updated_at",
        },
        of="product_documents", unwind="variants", cursor="updated_at", lag=LAG,
    ),
    key=("sku",), cursor="updated_at", schema=ProductVariant, tidy=typed(ProductVariant),
    deletes=Deletes.HARD,
    completeness=Completeness(null_rate_at_most={"product_id": 0}),
    owner="team:catalog",
)  # fmt: skip
