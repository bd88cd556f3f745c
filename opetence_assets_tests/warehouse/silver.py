"""A tiny, coherent silver: what the shop and its partners look like after refinement."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from opetence_assets.lake.commits import commit, stage
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import open_table
from opetence_assets.lake.verdicts import record
from opetence_assets_tests.warehouse.systems import schemas, system_rows

START = datetime(2026, 1, 5, 7, 30, tzinfo=UTC)  # the third order of each day is past midnight in Berlin
DAYS = 60
STATUSES = ("delivered", "delivered", "shipped", "paid", "placed", "cancelled", "delivered")
USERS = 12  # 1 is a test account, 2 refused, 3 never answered, 4 withdrew

Rows = list[dict[str, Any]]
UTC_TIME = pl.Datetime("us", "UTC")
MONEY = pl.Decimal(12, 2)
VERSION = {"_version": pl.Int64()}
SCHEMAS: dict[str, dict[str, Any]] = {
    "order_service/orders": {
        "order_id": pl.String(), "user_id": pl.Int64(), "microzone_id": pl.Int32(), "status": pl.String(),
        "currency": pl.String(), "total": MONEY, "voucher_code": pl.String(), "recipient_phone_masked": pl.String(),
        "ordered_at": UTC_TIME, "updated_at": UTC_TIME,
    },
    "order_service/order_items": {
        "order_id": pl.String(), "line_no": pl.Int32(), "product_id": pl.Int64(), "quantity": pl.Int32(),
        "unit_price": MONEY, "discount": MONEY, "created_at": UTC_TIME, "updated_at": UTC_TIME,
    },
    "order_service/returns": {
        "return_id": pl.Int64(), "order_id": pl.String(), "line_no": pl.Int32(), "reason": pl.String(),
        "refund_amount": MONEY, "returned_at": UTC_TIME, "updated_at": UTC_TIME,
    },
    "product_service/products": {
        "product_id": pl.Int64(), "vendor_id": pl.Int32(), "name": pl.String(), "category": pl.String(),
        "list_price": MONEY, "is_active": pl.Boolean(), "created_at": UTC_TIME, "updated_at": UTC_TIME,
    },
    "product_service/vendors": {
        "vendor_id": pl.Int32(), "name": pl.String(), "country": pl.String(), "contact_email_hash": pl.Binary(),
        "created_at": UTC_TIME, "updated_at": UTC_TIME,
    },
    "product_service/prices": {
        "price_id": pl.Int64(), "product_id": pl.Int64(), "price": MONEY, "valid_from": UTC_TIME,
        "updated_at": UTC_TIME,
    },
    "product_service/inventory": {
        "product_id": pl.Int64(), "warehouse": pl.String(), "quantity": pl.Int32(), "updated_at": UTC_TIME,
    },
    "user_service/users": {
        "user_id": pl.Int64(), "email_hash": pl.Binary(), "phone_masked": pl.String(), "birth_year": pl.Int16(),
        "segment": pl.String(), "is_test": pl.Boolean(), "created_at": UTC_TIME, "updated_at": UTC_TIME,
        "valid_from": UTC_TIME, "valid_to": UTC_TIME, "is_current": pl.Boolean(),
    },
    "user_service/consents": {
        "consent_id": pl.Int64(), "user_id": pl.Int64(), "purpose": pl.String(), "granted": pl.Boolean(),
        "recorded_at": UTC_TIME,
    },
    "logistics_service/shipments": {
        "shipment_id": pl.Int64(), "order_id": pl.String(), "courier_id": pl.Int32(), "microzone_id": pl.Int32(),
        "status": pl.String(), "shipped_at": UTC_TIME, "promised_at": UTC_TIME, "delivered_at": UTC_TIME,
        "updated_at": UTC_TIME,
    },
    "logistics_service/couriers": {
        "courier_id": pl.Int32(), "phone_masked": pl.String(), "vehicle": pl.String(), "is_active": pl.Boolean(),
        "updated_at": UTC_TIME,
    },
    "logistics_service/microzones": {
        "microzone_id": pl.Int32(), "name": pl.String(), "city": pl.String(), "area_km2": pl.Decimal(8, 2),
        "updated_at": UTC_TIME,
    },
    "partners/facebook_ads": {
        "date": pl.Date(), "campaign_id": pl.String(), "campaign_name": pl.String(), "impressions": pl.Int64(),
        "clicks": pl.Int64(), "spend": MONEY, "currency": pl.String(),
    },
    "partners/voucher_settlements": {
        "settlement_id": pl.String(), "voucher_code": pl.String(), "order_id": pl.String(), "amount": MONEY,
        "settled_on": pl.Date(),
    },
    "partners/online_retail": {
        "invoice_no": pl.String(), "stock_code": pl.String(), "description": pl.String(), "quantity": pl.Int32(),
        "invoiced_at": UTC_TIME, "unit_price": pl.Decimal(12, 3), "customer_id": pl.String(), "country": pl.String(),
        "invoiced_on": pl.Date(),
    },
    **schemas(),
}  # fmt: skip


def frame(name: str, rows: Rows, version: int = 0) -> pl.DataFrame:
    """Rows of a silver table, written by that version of it."""
    complete = [{column: row.get(column) for column in SCHEMAS[name]} | {"_version": version} for row in rows]
    return pl.DataFrame(complete, schema=SCHEMAS[name] | VERSION)


def order_rows() -> tuple[Rows, Rows, Rows, Rows]:
    """Orders (three a day), their items, shipments and returns."""
    orders, items, shipments, returns = [], [], [], []
    for n in range(DAYS * 3):
        at = START + timedelta(hours=8 * n)
        order_id, status = f"O{n:010}", STATUSES[n % len(STATUSES)]
        lines = [_line(order_id, line, at, n) for line in range(1, 2 + n % 3)]
        total = sum((row["quantity"] * row["unit_price"] - row["discount"] for row in lines), Decimal())
        voucher = f"V{n % 4}" if n % 5 == 0 else None
        orders.append(
            {"order_id": order_id, "user_id": 1 + n % (USERS + 1), "microzone_id": 1 + n % 3, "status": status}
            | {"currency": "EUR", "total": total, "voucher_code": voucher, "ordered_at": at, "updated_at": at}
        )
        items += lines
        if status in ("shipped", "delivered"):
            shipments.append(_shipment(n, order_id, status, at))
        if status == "delivered" and n % 9 == 0:
            returned = {"reason": "damaged", "refund_amount": Decimal("1.50"), "returned_at": at + timedelta(days=9)}
            returns.append({"return_id": n, "order_id": order_id, "line_no": 1, "updated_at": at} | returned)
    returns.append(returns[0] | {"return_id": 10_000, "order_id": "O9999999999"})
    return orders, items, shipments, returns


def _line(order_id: str, line: int, at: datetime, n: int) -> dict[str, Any]:
    price = Decimal(100 + 7 * n % 900) / 100
    discount = Decimal("0.10") if n % 5 == 0 else Decimal()
    return {
        "order_id": order_id, "line_no": line, "product_id": 1 + (n + line) % 5, "quantity": line,
        "unit_price": price, "discount": discount, "created_at": at, "updated_at": at,
    }  # fmt: skip


def _shipment(n: int, order_id: str, status: str, at: datetime) -> dict[str, Any]:
    left = at + timedelta(hours=20)
    delivered = left + timedelta(hours=-1 if n % 50 == 0 else 10 + n % 30) if status == "delivered" else None
    return {
        "shipment_id": n, "order_id": order_id, "courier_id": 1 + n % 2, "microzone_id": 1 + n % 3,
        "status": "delivered" if delivered else "in_transit", "shipped_at": left,
        "promised_at": left + timedelta(hours=24), "delivered_at": delivered, "updated_at": left,
    }  # fmt: skip


def user_rows() -> tuple[Rows, Rows]:
    """Users with one change of segment each, and their consents."""
    users, consents = [], []
    for user in range(1, USERS + 1):
        row = {"user_id": user, "birth_year": 1980 + user, "is_test": user == 1, "created_at": START}
        middle = START + timedelta(days=DAYS // 2)
        users.append(row | {"segment": "new", "valid_from": START, "valid_to": middle, "is_current": False})
        users.append(row | {"segment": "vip", "valid_from": middle, "valid_to": None, "is_current": True})
        if user != 3:
            consents.append(consent(user, user, granted=user != 2, at=START))
    consents.append(consent(100, 4, granted=False, at=START + timedelta(days=1)))
    return users, consents


def consent(consent_id: int, user: int, *, granted: bool, at: datetime) -> dict[str, Any]:
    answer = {"purpose": "analytics", "granted": granted, "recorded_at": at}
    return {"consent_id": consent_id, "user_id": user} | answer


def catalogue() -> dict[str, Rows]:
    at = {"created_at": START, "updated_at": START}
    zone = {"city": "Berlin", "area_km2": Decimal("1.50")}
    return {
        "product_service/products": [
            {"product_id": n, "vendor_id": 1 + n % 2, "name": f"Thing {n}", "category": f"c{n % 2}", "is_active": True}
            | {"list_price": Decimal(n)}
            | at
            for n in range(1, 6)
        ],
        "product_service/vendors": [{"vendor_id": n, "name": f"Vendor {n}", "country": "DE"} | at for n in (1, 2)],
        "product_service/prices": [
            {"price_id": n, "product_id": n, "price": Decimal("2.50"), "valid_from": START} | at for n in (1, 2)
        ],
        "product_service/inventory": [],
        "logistics_service/couriers": [{"courier_id": n, "vehicle": "bike", "is_active": True} | at for n in (1, 2)],
        "logistics_service/microzones": [{"microzone_id": n, "name": f"Zone {n}"} | zone | at for n in (1, 2, 3)],
    }


def partner_rows(orders: Rows) -> dict[str, Rows]:
    ad = {"campaign_id": "c1", "campaign_name": "Winter", "impressions": 1000, "clicks": 10, "currency": "EUR"}
    line = {"stock_code": "85123A", "description": "HOLDER", "unit_price": Decimal("2.555"), "country": "UK"}
    day, at = date(2011, 1, 4), datetime(2011, 1, 4, 10, tzinfo=UTC)
    return {
        "partners/facebook_ads": [
            ad | {"date": (START + timedelta(days=n)).date(), "spend": Decimal("12.34")} for n in range(10)
        ],
        "partners/voucher_settlements": [
            {"settlement_id": f"S{n}", "order_id": order["order_id"], "voucher_code": order["voucher_code"]}
            | {"amount": Decimal("0.10"), "settled_on": order["ordered_at"].date()}
            for n, order in enumerate(orders)
            if order["voucher_code"]
        ],
        "partners/online_retail": [
            line
            | {"invoice_no": f"{'C' if n % 9 == 0 else ''}{n:06}", "quantity": -1 if n % 9 == 0 else n}
            | {"invoiced_on": day + timedelta(days=n), "invoiced_at": at + timedelta(days=n)}
            | {"customer_id": None if n % 4 == 0 else f"{n % 7}"}
            for n in range(40)
        ],
    }


def silver() -> dict[str, pl.DataFrame]:
    """Every silver table by its dataset's name."""
    orders, items, shipments, returns = order_rows()
    users, consents = user_rows()
    rows = catalogue() | partner_rows(orders) | system_rows(orders, returns)
    rows |= {"order_service/orders": orders, "order_service/order_items": items, "order_service/returns": returns}
    rows |= {"logistics_service/shipments": shipments}
    rows |= {"user_service/users": users, "user_service/consents": consents}
    return {name: frame(name, rows[name]) for name in SCHEMAS}


def write(lake: Lake, tables: dict[str, pl.DataFrame], scratch: Path, **metadata: object) -> dict[str, int]:
    """Commits whole silver tables, file by month where refinement lays them out so; silver key → version."""
    versions: dict[str, int] = {}
    for name, rows in tables.items():
        key = f"silver/{name}"
        known = open_table(lake, key)
        version = known.version + 1 if known else 0
        scratch.mkdir(parents=True, exist_ok=True)
        path = scratch / "silver.parquet"
        rows.write_parquet(path)
        versions[key] = commit(
            lake,
            key,
            schema=rows.clear().to_arrow(compat_level=pl.CompatLevel.oldest()).schema,
            add=[stage(lake, key, path)] if len(rows) else [],
            remove=known.files if known else [],
            metadata=metadata,
            base=version - 1,
        )
        record(lake, key, versions[key], [])
    return versions
