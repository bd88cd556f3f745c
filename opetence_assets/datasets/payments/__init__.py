"""Stripe: amounts in the currency's minor unit (a yen has none), times in whole seconds, UTC."""

from collections.abc import Callable

import pandera.polars as pa
import polars as pl

from opetence_assets.sources.stripe import Stripe
from opetence_assets.sources.texts import typed

payments = Stripe("payments", key="STRIPE_API_KEY", base="STRIPE_API_BASE")
CURRENCY = r"[a-z]{3}$"


def at_seconds(schema: type[pa.DataFrameModel], *columns: str) -> Callable[[pl.LazyFrame], pl.LazyFrame]:
    """The tidy of an object: types as declared, seconds since 1970 as times, and when it was known to be so."""

    def tidy(raw: pl.LazyFrame) -> pl.LazyFrame:
        seconds = pl.col(*columns).cast(pl.Int64, strict=False)
        times = (seconds * 1_000_000).cast(pl.Datetime("us", "UTC"))
        return typed(schema)(raw.with_columns(times, pl.col("_cursor").alias("changed_at")))

    return tidy
