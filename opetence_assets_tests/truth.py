"""What gold says against what the sources say: PostgreSQL, partners' files, and the story of the payments."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl
from adbc_driver_postgresql import dbapi

from opetence_assets.lake.places import Lake
from opetence_assets.lake.queries import query
from opetence_assets.lake.releases import current_release
from opetence_assets.settings import Settings
from opetence_assets_tests.reckoning import payment_differences

BERLIN = "(ordered_at AT TIME ZONE 'Europe/Berlin')::date"
# Question → (asked of gold, asked of PostgreSQL). Money travels as text: nothing is rounded on the way.
QUESTIONS = {
    "orders": (
        "SELECT count(*), sum(total)::varchar FROM gold.fct_orders",
        "SELECT count(*), sum(total)::text FROM order_service.orders",
    ),
    "items": (
        "SELECT count(*), sum(quantity * unit_price - discount)::varchar FROM gold.fct_order_items",
        "SELECT count(*), sum(quantity * unit_price - discount)::text FROM order_service.order_items",
    ),
    "returns": (
        "SELECT count(*), sum(refund_amount)::varchar FROM gold.fct_returns",
        "SELECT count(*), sum(refund_amount)::text FROM order_service.returns",
    ),
    "revenue by day": (
        "SELECT ordered_on::varchar, orders, booked_revenue::varchar FROM gold.daily_revenue ORDER BY 1",
        f"SELECT {BERLIN}::text, count(*), sum(total)::text FROM order_service.orders GROUP BY 1 ORDER BY 1",
    ),
    "revenue by status": (
        "SELECT status, count(*), sum(total)::varchar FROM gold.fct_orders GROUP BY 1 ORDER BY 1",
        "SELECT status, count(*), sum(total)::text FROM order_service.orders GROUP BY 1 ORDER BY 1",
    ),
    "shipments, refused ones included": (
        "SELECT (SELECT count(*) FROM gold.fct_shipments) + (SELECT count(DISTINCT shipment_id)"
        " FROM quarantine.logistics_service.shipments WHERE shipment_id NOT IN"
        " (SELECT shipment_id FROM gold.fct_shipments))",
        "SELECT count(DISTINCT shipment_id) FROM logistics_service.shipments",
    ),
    "products and vendors": (
        "SELECT (SELECT count(*) FROM gold.dim_products), (SELECT count(*) FROM gold.dim_vendors)",
        "SELECT (SELECT count(*) FROM product_service.products), (SELECT count(*) FROM product_service.vendors)",
    ),
}


def differences(settings: Settings, lake: Lake) -> list[str]:
    """What gold says otherwise than the sources and the story that they tell; empty when they agree to the cent."""
    return source_differences(settings, lake) + payment_differences(settings.home, lake)


def source_differences(settings: Settings, lake: Lake) -> list[str]:
    """The questions that gold and the sources themselves answer differently, whoever changed the sources."""
    release = current_release(lake)
    assert release is not None
    found: list[str] = []
    with dbapi.connect(settings.secret("ORDER_SERVICE_DSN", dataset="truth")) as connection:
        for question, (in_gold, in_source) in QUESTIONS.items():
            gold = [tuple(map(_plain, row.values())) for row in query(lake, release, in_gold).to_pylist()]
            with connection.cursor() as cursor:
                cursor.execute(in_source)
                source = [tuple(map(_plain, row)) for row in cursor.fetchall()]
            if gold != source:
                found.append(
                    f"{question}: {len(gold)} rows in gold, {len(source)} in the source: {_apart(gold, source)}"
                )
    return found + _retail_differences(settings, lake)


def _retail_differences(settings: Settings, lake: Lake) -> list[str]:
    files = sorted((settings.drop / "online_retail").glob("*.csv"))
    lines = pl.concat([pl.read_csv(file, infer_schema=False) for file in files])
    release = current_release(lake)
    assert release is not None
    both = (
        "SELECT invoice_no, customer_id, invoiced_on AS day, quantity * unit_price AS value, '' AS reason"
        " FROM silver.partners.online_retail UNION ALL SELECT invoice_no, regexp_replace(customer_id, '\\.0$', ''),"
        " invoice_date[:10]::date, quantity::int * unit_price::decimal(12,3), _reason"
        " FROM quarantine.partners.online_retail"
    )
    (facts,) = query(
        lake,
        release,
        "SELECT count(*) AS lines, count(DISTINCT invoice_no) AS invoices, count(DISTINCT customer_id) AS customers,"
        " count(*) FILTER (invoice_no LIKE 'C%') AS cancelled, count(*) FILTER (reason = 'duplicate_row') AS duplicates"
        f" FROM ({both})",
    ).to_pylist()
    expected = {
        "lines": len(lines),
        "invoices": lines["InvoiceNo"].n_unique(),
        "customers": lines["CustomerID"].drop_nulls().n_unique(),
        "cancelled": lines["InvoiceNo"].str.starts_with("C").sum(),
        "duplicates": len(lines) - lines.n_unique(),
    }
    monthly = f"SELECT strftime(day, '%Y-%m') AS m, sum(value) AS v FROM ({both}) GROUP BY 1 ORDER BY 1"
    months = query(lake, release, monthly)
    value = pl.col("Quantity").cast(pl.Decimal(18, 0)) * pl.col("UnitPrice").cast(pl.Decimal(12, 3))
    source = lines.group_by(pl.col("InvoiceDate").str.slice(0, 7).alias("m")).agg(value.sum().alias("v")).sort("m")
    apart = [f"online_retail {name}: {facts[name]}, source {n}" for name, n in expected.items() if facts[name] != n]
    if [(r["m"], r["v"]) for r in months.to_pylist()] != source.select("m", "v").rows():
        apart.append("online_retail: revenue by month")
    return apart


def _plain(value: Any) -> Any:
    return str(Decimal(value)) if isinstance(value, Decimal) else value


def _apart(gold: list[Any], source: list[Any]) -> Any:
    return next(((g, s) for g, s in zip(gold, source, strict=False) if g != s), "the number of rows")
