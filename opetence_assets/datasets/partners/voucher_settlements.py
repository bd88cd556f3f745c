"""What the voucher partner settled per order. A German export: Windows-1252, semicolons, decimal commas, dd.mm.yyyy."""

from datetime import date, timedelta

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Freshness, Money, Watch
from opetence_assets.datasets.partners import partners

COLUMNS = ("settlement_id", "voucher_code", "order_id", "amount", "settled_on")


class Settlement(pa.DataFrameModel):
    settlement_id: pl.String
    voucher_code: pl.String
    order_id: pl.String
    amount: Money = pa.Field(ge=0)
    settled_on: pl.Date


def tidy(raw: pl.LazyFrame) -> pl.LazyFrame:
    decimal = pl.col("amount").str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    return raw.with_columns(
        pl.col("voucher_code").str.strip_chars().str.to_uppercase(),
        decimal.cast(pl.Decimal(12, 2), strict=False).alias("amount"),
        pl.col("settled_on").str.to_date("%d.%m.%Y", strict=False),
    )


voucher_settlements = Dataset(
    feed=partners.csv("voucher_settlements", COLUMNS, since=date(2025, 1, 1), delimiter=";", encoding="cp1252"),
    key=("settlement_id",),
    schema=Settlement,
    tidy=tidy,
    freshness=Freshness(every=timedelta(days=1), alarm_after=timedelta(hours=36)),
    watch=Watch(figures=("amount",), distinct=("voucher_code",)),
    owner="team:finance",
)
