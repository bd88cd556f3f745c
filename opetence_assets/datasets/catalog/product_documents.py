"""One row per product as the catalog shows it. Tags are a JSON list; sizes and stock are in ``product_variants``."""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Completeness, Dataset, Deletes, Utc
from opetence_assets.datasets.catalog import LAG, catalog
from opetence_assets.sources.texts import typed


class ProductDocument(pa.DataFrameModel):
    product_id: pl.Int64
    vendor_id: pl.Int32
    title: pl.String
    description: pl.String = pa.Field(nullable=True)
    brand: pl.String
    color: pl.String = pa.Field(nullable=True)
    material: pl.String = pa.Field(nullable=True)
    weight_g: pl.Int32 = pa.Field(nullable=True, ge=0)
    width_cm: pl.Float64 = pa.Field(nullable=True, ge=0)
    height_cm: pl.Float64 = pa.Field(nullable=True, ge=0)
    depth_cm: pl.Float64 = pa.Field(nullable=True, ge=0)
    tags: pl.String = pa.Field(nullable=True)
    created_at: Utc
    updated_at: Utc


product_documents = Dataset(
    feed=catalog.collection(
        "product_documents",
        {
            **{name: name for name in ("product_id", "vendor_id", "title", "description")},
            **{name: f"attributes.{name}" for name in ("brand", "color", "material", "weight_g")},
            **{f"{name}_cm": f"attributes.dimensions.{name[0]}" for name in ("width", "height", "depth")},
            **{name: name for name in ("tags", "created_at", "updated_at")},
        },
        ignored=("variants",), cursor="updated_at", lag=LAG,
    ),
    key=("product_id",), cursor="updated_at", schema=ProductDocument, tidy=typed(ProductDocument),
    deletes=Deletes.HARD,
    completeness=Completeness(null_rate_at_most={"brand": 0}),
    owner="team:catalog",
)  # fmt: skip
