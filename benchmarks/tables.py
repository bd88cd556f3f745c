"""The benchmarks' own source tables, generated inside the sandbox's server, and their declarations."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Money, Month, Pii, Subject, Utc
from opetence_assets.sources.postgres import Postgres

if TYPE_CHECKING:
    from sandbox.server import Server

DSN = "BENCHMARK_DSN"
benchmark = Postgres(system="benchmark", schema="benchmark", dsn=DSN)

ORDERS = """
    SELECT 'O' || lpad(n::text, 10, '0') AS order_id, (n * 7919) % 2000003 AS user_id,
        (n * 31 % 400)::int AS microzone_id,
        (ARRAY['placed', 'paid', 'shipped', 'delivered', 'cancelled'])[(1 + n % 5)::int] AS status, 'EUR' AS currency,
        CASE WHEN n % 10 = 0 THEN 'SPRING' || n % 300 END AS voucher_code, (1 + n % 9)::int AS quantity,
        ((n * 104729) % 9999999 / 100.0)::numeric(12,2) AS total, ((n * 613) % 2000 / 100.0)::numeric(12,2) AS discount,
        timestamptz '2026-01-01' + n * interval '1 day' / ({rows} / 300.0) AS ordered_at,
        timestamptz '2026-01-01' + n * interval '1 day' / ({rows} / 300.0) + interval '90 min' AS updated_at
    FROM generate_series(1::bigint, {rows}) AS n"""
PEOPLE = """
    SELECT n::bigint AS user_id, 'person.' || n || '@example.org' AS email, '+49 151 ' || (10000000 + n) AS phone,
        'Given' || n % 5000 || ' Family' || n % 70001 AS full_name,
        (ARRAY['new', 'regular', 'vip'])[(1 + n % 3)::int] AS segment,
        timestamptz '2026-01-01' + n * interval '1 s' AS updated_at
    FROM generate_series(1::bigint, {rows}) AS n"""


class Order(pa.DataFrameModel):
    """Ten checks beside the key's uniqueness: what `ten checks on 10 M rows` means."""

    order_id: pl.String = pa.Field(str_matches=r"O\d{10}$")
    user_id: pl.Int64 = pa.Field(ge=0)
    microzone_id: pl.Int32 = pa.Field(ge=0, le=400)
    status: pl.String = pa.Field(isin=["placed", "paid", "shipped", "delivered", "cancelled"])
    currency: pl.String = pa.Field(isin=["EUR"])
    voucher_code: pl.String = pa.Field(nullable=True)
    quantity: pl.Int32 = pa.Field(ge=1)
    total: Money = pa.Field(ge=0)
    discount: Money = pa.Field(ge=0)
    ordered_at: Utc
    updated_at: Utc


class OrderInBrief(pa.DataFrameModel):
    """Seven rules of single columns; with the key's uniqueness and two orders of two columns ten of the usual kinds."""

    order_id: pl.String = pa.Field(str_matches=r"O\d{10}$")
    user_id: pl.Int64
    microzone_id: pl.Int32 = pa.Field(in_range={"min_value": 0, "max_value": 400}, nullable=True)
    status: pl.String = pa.Field(isin=["placed", "paid", "shipped", "delivered", "cancelled"], nullable=True)
    quantity: pl.Int32 = pa.Field(ge=1, nullable=True)
    total: Money = pa.Field(ge=0, nullable=True)
    discount: Money = pa.Field(nullable=True)
    ordered_at: Utc = pa.Field(nullable=True)
    updated_at: Utc = pa.Field(nullable=True)


class Person(pa.DataFrameModel):
    user_id: pl.Int64
    email: pl.String = pa.Field(str_matches=r"[^@]+@[^@]+$", metadata={"pii": Pii.HASH})
    phone: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.MASK})
    full_name: pl.String = pa.Field(metadata={"pii": Pii.SEAL})
    segment: pl.String
    updated_at: Utc


class Stranger(pa.DataFrameModel):
    """The same columns, none of them declared personal: what the same load costs without treatment."""

    user_id: pl.Int64
    email: pl.String
    phone: pl.String = pa.Field(nullable=True)
    full_name: pl.String
    segment: pl.String
    updated_at: Utc


orders = Dataset(
    feed=benchmark.table("orders", lag=timedelta(minutes=10)),
    key=("order_id",),
    cursor="updated_at",
    schema=Order,
    partition_by=Month("ordered_at"),
    rules={"discount above total": pl.col("discount") <= pl.col("total") + 20},
    owner="team:platform",
)
orders_in_brief = replace(
    orders,
    schema=OrderInBrief,
    rules={**orders.rules, "updated before ordered": pl.col("ordered_at") <= pl.col("updated_at")},
)
some_orders = replace(orders, feed=benchmark.table("some_orders", lag=timedelta(minutes=10)))
people = Dataset(
    feed=benchmark.table("people"),
    key=("user_id",),
    cursor="updated_at",
    schema=Person,
    subject=Subject("user", "user_id"),
    owner="team:platform",
)
strangers = replace(people, schema=Stranger, subject=None)
DATASETS = {
    "orders": orders,
    "orders_in_brief": orders_in_brief,
    "some_orders": some_orders,
    "people": people,
    "strangers": strangers,
}


def make_table(server: Server, name: str, select: str, key: str, rows: int) -> None:
    """A table as a service would have it: primary key, index on the cursor, vacuumed; readable by the platform."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(server.owner_uri, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in (
            "CREATE SCHEMA IF NOT EXISTS benchmark",
            f"DROP TABLE IF EXISTS benchmark.{name}",
            # Unlogged: it is read here, not written, and the disk is shared.
            f"CREATE UNLOGGED TABLE benchmark.{name} WITH (autovacuum_enabled = false) AS {select.format(rows=rows)}",
            f"ALTER TABLE benchmark.{name} ADD PRIMARY KEY ({key})",
            f"CREATE INDEX ON benchmark.{name} (updated_at)",
            f"VACUUM (FREEZE, ANALYZE) benchmark.{name}",
            "GRANT USAGE ON SCHEMA benchmark TO opetence_reader",
            f"GRANT SELECT ON benchmark.{name} TO opetence_reader",
        ):
            cursor.execute(statement)
