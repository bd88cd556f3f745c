"""Online Retail: a UK shop's invoice lines, one file a trading day; the real ones where they are at hand.

The real data (Daqing Chen, 2015, UCI, CC BY 4.0) is not part of the project. ``OPETENCE_REAL_DATA`` names its Parquet
file; blank means to do without. Every value is text and stays as it is; a null becomes an empty field (no value
is empty).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl

from sandbox import SandboxError
from sandbox import words as w
from sandbox.chance import chance, circle, pick, whole
from sandbox.story import Story
from sandbox.table import digits, words

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "online_retail.parquet"
COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
LINES = 20_000
TRADING_DAYS = 60


def online_retail(story: Story) -> Iterator[tuple[str, bytes]]:
    """Name and content of each day's file: UTF-8, comma, quoted where needed, lines in their order."""
    source = real_data()
    lines = pl.read_parquet(source, columns=list(COLUMNS)) if source else synthetic_lines(story)
    day = lines["InvoiceDate"].str.slice(0, 10)
    for name, of_day in lines.with_columns(day=day).partition_by("day", maintain_order=True, as_dict=True).items():
        content = BytesIO()
        of_day.select(COLUMNS).write_csv(content, null_value="")
        yield f"online_retail_{name[0]}.csv", content.getvalue()


def real_data() -> Path | None:
    """The real Parquet file, or None where there is none.

    Raises:
        SandboxError: ``OPETENCE_REAL_DATA`` names a file that is not there.
    """
    named = os.environ.get("OPETENCE_REAL_DATA")
    if named is None:
        return BESIDE if BESIDE.exists() else None
    if not named.strip():
        return None
    if not Path(named).exists():
        raise SandboxError(
            f"OPETENCE_REAL_DATA is {named}, which does not exist; allowed: a Parquet file, blank or unset"
        )
    return Path(named)


def synthetic_lines(story: Story) -> pl.DataFrame:
    """20 000 lines of the same shape: duplicates, cancellations, lines without customer or description."""
    line = np.arange(LINES, dtype=np.int64)
    line = np.repeat(line, 1 + (circle(story.seed, "retail.twice", line) < 0.01))[:LINES]
    invoice = line // 20
    cancelled = pl.Series(chance(story.seed, "retail.cancelled", invoice) < 0.02)
    product = whole(story.seed, "retail.product", 900, line)
    quantity = (1 + whole(story.seed, "retail.quantity", 24, line)) * np.where(cancelled, -1, 1)
    customer = pl.Series(12_346 + whole(story.seed, "retail.customer", 900, invoice)).cast(pl.String) + ".0"
    name = words(w.ADJECTIVES, product % 12) + " " + words(w.NOUNS, product % 60)
    price = pl.Series(np.round(0.21 + 18 * chance(story.seed, "retail.price", product) ** 3, 2)).cast(pl.String)
    return pl.DataFrame(
        {
            "InvoiceNo": words(("", "C"), np.asarray(cancelled, dtype=np.int64)) + digits(536_365 + invoice, 6),
            "StockCode": digits(20_000 + product, 5) + words(("", "A", "B"), product % 3),
            "Description": name.str.to_uppercase().set(
                pl.Series(circle(story.seed, "retail.bare", line) < 0.003), None
            ),
            "Quantity": pl.Series(quantity).cast(pl.String),
            "InvoiceDate": _invoiced(invoice),
            "UnitPrice": price,
            "CustomerID": customer.set(pl.Series(chance(story.seed, "retail.guest", invoice) < 0.25), None),
            "Country": words(
                ("United Kingdom", "Germany", "France", "EIRE"), pick(story.seed, "retail.land", (91, 4, 3, 2), invoice)
            ),
        }
    )


def _invoiced(invoice: np.ndarray) -> pl.Series:
    """Invoices of a day follow each other by minutes; the shop is closed on Saturdays."""
    trading = [day for day in (date(2010, 12, 1) + timedelta(days=n) for n in range(90)) if day.weekday() != 5]
    day = invoice * TRADING_DAYS // (invoice.max() + 1)
    first = np.searchsorted(day, day, side="left")  # the day's first line
    minute = 8 * 60 + 30 + (invoice - invoice[first]) * 30
    stamp = words([day.isoformat() for day in trading], day) + " "
    return stamp + digits(minute // 60, 2) + ":" + digits(minute % 60, 2) + ":00"
