"""A source of the tests' own: a table in a real PostgreSQL with every kind of column that matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Deletes, Money, Month, Pii, Subject, Utc
from opetence_assets.settings import Settings
from opetence_assets.sources.postgres import Postgres
from opetence_assets.sources.postgres_server import opened

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
source = Postgres(system="shop", schema="shop", dsn="SHOP_DSN")


class Sale(pa.DataFrameModel):
    sale_id: pl.Int64
    person_id: pl.Int64
    email: pl.String = pa.Field(str_matches=r"[^@]+@[^@]+$", metadata={"pii": Pii.HASH})
    phone: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.MASK})
    full_name: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.SEAL})
    national_id: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.REDACT})
    amount: Money = pa.Field(ge=0)
    sold_at: Utc
    updated_at: Utc


sales = Dataset(
    feed=source.table("sales", lag=timedelta(minutes=10)),
    key=("sale_id",),
    cursor="updated_at",
    schema=Sale,
    subject=Subject("person", "person_id"),
    partition_by=Month("sold_at"),
    deletes=Deletes.HARD,
    owner="team:tests",
)
history = replace(sales, history=True, partition_by=None, deletes=Deletes.NEVER)

TABLE = """
DROP SCHEMA IF EXISTS shop CASCADE; CREATE SCHEMA shop;
CREATE TABLE shop.sales (sale_id bigint PRIMARY KEY, person_id bigint, email text, phone text, full_name text,
    national_id text, amount numeric(12,2), sold_at timestamptz, updated_at timestamptz);
"""


@dataclass(frozen=True)
class Shop:
    """The test's source: its owner's connection string."""

    dsn: str

    def run(self, sql: str) -> None:
        with opened(self.dsn) as connection, connection.cursor() as cursor:
            for statement in filter(str.strip, sql.split(";")):
                cursor.execute(statement)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with opened(self.dsn) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def sell(self, ids: Sequence[int], at: datetime = NOON, amount: str = "10.50", email: str | None = None) -> None:
        """Inserts or changes sales, stamped at a moment."""
        rows = ", ".join(
            f"({i}, {i % 7}, '{email or f'p{i % 7}@example.org'}', '+4915112345{i % 7:02d}', 'Näme {i % 7}', 'ID{i}',"
            f" {amount}, '{(NOON + timedelta(days=i % 60)).isoformat()}', '{at.isoformat()}')"
            for i in ids
        )
        self.run(
            f"INSERT INTO shop.sales VALUES {rows} ON CONFLICT (sale_id) DO UPDATE SET"
            " amount = excluded.amount, email = excluded.email, updated_at = excluded.updated_at"
        )


def without_slots(shop: Shop) -> None:
    """The owner may capture changes, and no slot is left of an earlier test."""
    superuser = Shop(shop.dsn.replace("//shop@", "//postgres@"))
    superuser.run("ALTER ROLE shop REPLICATION")
    superuser.ask("SELECT pg_drop_replication_slot(slot_name)::text FROM pg_replication_slots WHERE NOT active")


def connected(settings: Settings, shop: Shop) -> Settings:
    """The settings with the source's address."""
    return replace(settings, variables={**settings.variables, "SHOP_DSN": shop.dsn})
