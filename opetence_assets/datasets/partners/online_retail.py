"""Invoice lines of a UK shop (UCI Online Retail, CC BY 4.0, Daqing Chen, 2015); one file a trading day.

A line has no number, so only the whole line tells it from another: exact duplicates are kept in quarantine.
Invoices whose number starts with C are cancellations, with negative quantities; stock corrections have price zero.
Times are the shop's local time; the day of business is the date as written.
"""

from datetime import date, timedelta

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Freshness, Month, Utc, Watch
from opetence_assets.datasets.partners import partners

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")


class InvoiceLine(pa.DataFrameModel):
    invoice_no: pl.String = pa.Field(str_matches=r"[A-Z]?\d{6}$")
    stock_code: pl.String
    description: pl.String = pa.Field(nullable=True)
    quantity: pl.Int32
    invoiced_at: Utc
    unit_price: pl.Decimal(12, 3)  # type: ignore[valid-type]
    customer_id: pl.String = pa.Field(nullable=True, str_matches=r"\d{5}$")
    country: pl.String
    invoiced_on: pl.Date


def tidy(raw: pl.LazyFrame) -> pl.LazyFrame:
    local = pl.col("invoice_date").str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    london = local.dt.replace_time_zone("Europe/London", ambiguous="latest", non_existent="null")
    return raw.with_columns(
        pl.col("quantity").cast(pl.Int32, strict=False),
        london.dt.convert_time_zone("UTC").alias("invoiced_at"),
        pl.col("unit_price").cast(pl.Decimal(12, 3), strict=False),
        pl.col("customer_id").str.strip_suffix(".0"),
        local.dt.date().alias("invoiced_on"),
    )


online_retail = Dataset(
    feed=partners.csv("online_retail", COLUMNS, since=date(2010, 12, 1)),
    key=("invoice_no", "stock_code", "description", "quantity", "invoiced_at", "unit_price", "customer_id", "country"),
    schema=InvoiceLine,
    tidy=tidy,
    partition_by=Month("invoiced_on"),
    keep_duplicates=True,
    rules={"cancelled but not negative": ~pl.col("invoice_no").str.starts_with("C") | (pl.col("quantity") < 0)},
    freshness=Freshness(every=timedelta(days=1), alarm_after=timedelta(days=36_500)),  # a closed year: nothing is due
    watch=Watch(figures=("quantity", "unit_price"), distinct=("invoice_no",), by=("country",)),
    owner="team:commerce",
)
