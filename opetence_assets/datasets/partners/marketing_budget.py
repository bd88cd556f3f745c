"""What a channel may cost in a month, as the marketing team's sheet says today; who keeps a row is not read."""

from datetime import timedelta

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Deletes, Freshness, Money
from opetence_assets.sources.numbers import decimal
from opetence_assets.sources.sheets import Sheet


class ChannelMonth(pa.DataFrameModel):
    month: pl.Date  # its first day
    channel: pl.String = pa.Field(isin=["facebook", "google", "braze"])
    budget: Money = pa.Field(ge=0)


def tidy(raw: pl.LazyFrame) -> pl.LazyFrame:
    first = pl.concat_str(pl.col("month"), pl.lit("-01"))
    return raw.with_columns(
        first.str.to_date("%Y-%m-%d", strict=False).alias("month"), decimal("budget", thousands=",", currency="€")
    )


marketing_budget = Dataset(
    feed=Sheet(
        "partners", "marketing_budget", ("month", "channel", "budget"), url="MARKETING_BUDGET_URL", ignored=("owner",)
    ),
    key=("month", "channel"),
    schema=ChannelMonth,
    tidy=tidy,
    deletes=Deletes.RESTATED,
    freshness=Freshness(every=timedelta(days=31), alarm_after=timedelta(days=45)),
    owner="team:marketing",
)
