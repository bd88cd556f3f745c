"""A small company that changes can be made to: four datasets, four models, a macro, a dashboard; no dbt, no source."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache, lru_cache
from typing import Any

import pandera.polars as pa
import polars as pl
import yaml

from opetence_assets.dataset import Dataset, Month, Pii, Reference, Subject
from opetence_assets.review.description import Description, describe
from opetence_assets.sources.files import DropFolder
from opetence_assets.sources.postgres import Postgres
from opetence_assets.warehouse.sources import rendered

shop = Postgres(system="shop", schema="shop", dsn="SHOP_DSN")
partners = DropFolder(system="partners")
UTC = pl.Datetime("us", "UTC")
DECIMALS = ","


def tidy(raw: pl.LazyFrame) -> pl.LazyFrame:
    return raw.with_columns(
        pl.col("amount").str.replace(DECIMALS, ".").cast(pl.Decimal(12, 2), strict=False),
        pl.col("paid_on").str.to_date("%d.%m.%Y", strict=False),
    )


Fields = dict[str, tuple[Any, dict[str, Any]]]
FIELDS: dict[str, Fields] = {
    "orders": {
        "order_id": (pl.String, {"str_matches": r"O\d{4}$"}),
        "user_id": (pl.Int64, {}),
        "status": (pl.String, {"isin": ["placed", "paid", "cancelled"]}),
        "total": (pl.Decimal(12, 2), {"ge": 0}),
        "note": (pl.String, {"nullable": True}),
        "placed_at": (UTC, {}),
        "updated_at": (UTC, {}),
    },
    "items": {
        "order_id": (pl.String, {}),
        "line_no": (pl.Int32, {}),
        "quantity": (pl.Int32, {"ge": 0, "le": 100}),
        "updated_at": (UTC, {}),
    },
    "users": {
        "user_id": (pl.Int64, {}),
        "email": (pl.String, {"str_matches": r"[^@]+@[^@]+$", "metadata": {"pii": Pii.HASH}}),
        "phone": (pl.String, {"nullable": True, "metadata": {"pii": Pii.MASK}}),
        "segment": (pl.String, {}),
        "updated_at": (UTC, {}),
    },
    "payments": {
        "payment_id": (pl.String, {}),
        "order_id": (pl.String, {"nullable": True}),
        "amount": (pl.Decimal(12, 2), {}),
        "paid_on": (pl.Date, {}),
    },
}
SQL = {
    "fct_orders": """
        select orders.order_id, {{ business_day('orders.placed_at') }} as placed_on, orders.status, orders.total,
            users.segment = 'vip' as is_vip
        from {{ source('shop', 'orders') }} as orders
        left join {{ source('shop', 'users') }} as users on orders.user_id = users.user_id
    """,
    "daily_revenue": """
        select placed_on, count(*) as orders, sum(total) filter (where status != 'cancelled') as revenue
        from {{ ref('fct_orders') }}
        group by placed_on
    """,
    "dim_users": "select user_id, segment from {{ source('shop', 'users') }}",
    "fct_payments": """
        select payment_id, order_id, paid_on, amount from {{ source('partners', 'payments') }} where amount > 0
    """,
}
COLUMNS = {
    "fct_orders": "order_id varchar, placed_on date, status varchar, total decimal(12,2), is_vip boolean",
    "daily_revenue": "placed_on date, orders bigint, revenue decimal(18,2)",
    "dim_users": "user_id bigint, segment varchar",
    "fct_payments": "payment_id varchar, order_id varchar, paid_on date, amount decimal(12,2)",
}
KEYS = {"fct_orders": "order_id", "daily_revenue": "placed_on", "dim_users": "user_id", "fct_payments": "payment_id"}
DAYS = {"fct_orders": "placed_on", "daily_revenue": "placed_on"}
MACRO = "{% macro business_day(at) %}cast({{ at }} at time zone 'Europe/Berlin' as date){% endmacro %}"


DECLARED: dict[str, dict[str, Any]] = {
    "orders": {
        "feed": shop.table("orders", lag=timedelta(minutes=10)),
        "key": ("order_id",),
        "cursor": "updated_at",
        "partition_by": Month("placed_at"),
        "rules": {"placed late": pl.col("placed_at") <= pl.col("updated_at")},
        "filters": {"tests": pl.col("note") == "test"},
        "references": (Reference("shop/users", ("user_id",)), Reference("shop/items", ("order_id",))),
        "owner": "team:orders",
    },
    "items": {
        "feed": shop.table("items", lag=timedelta(minutes=10)),
        "key": ("order_id", "line_no"),
        "cursor": "updated_at",
        "owner": "team:orders",
    },
    "users": {
        "feed": shop.table("users", lag=timedelta(minutes=10)),
        "key": ("user_id",),
        "cursor": "updated_at",
        "subject": Subject("user", "user_id"),
        "owner": "team:users",
    },
    "payments": {
        "feed": partners.csv("payments", ("payment_id", "order_id", "amount", "paid_on"), since=date(2026, 1, 1)),
        "key": ("payment_id",),
        "tidy": tidy,
        "owner": "team:finance",
    },
}


@dataclass
class World:
    """What changes are made to."""

    fields: dict[str, Fields] = field(default_factory=lambda: deepcopy(FIELDS))
    declared: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {name: dict(said) for name, said in DECLARED.items()}
    )
    sql: dict[str, str] = field(default_factory=lambda: dict(SQL))
    nodes: dict[str, dict[str, Any]] = field(default_factory=lambda: {name: made_node(name) for name in SQL})
    tests: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {f"key_of_{name}": made_test(name) for name in SQL}
    )
    macro: str = MACRO
    exposures: dict[str, list[str]] = field(default_factory=lambda: {"board": ["daily_revenue"]})

    def datasets(self) -> tuple[Dataset, ...]:
        return tuple(self._dataset(name) for name in sorted(self.declared))

    def content(self) -> dict[str, Any]:
        """The manifest, as far as it is read."""
        sources = _sources(rendered(tuple(sorted(self.datasets(), key=lambda dataset: dataset.name))))
        models = {f"model.opetence.{name}": self._model(name) for name in self.nodes}
        return {
            "nodes": {**models, **{test["unique_id"]: test for test in self.tests.values()}},
            "sources": {
                f"source.opetence.{system['name']}.{table['name']}": {
                    "source_name": system["name"],
                    "name": table["name"],
                    "columns": {column["name"]: column for column in table["columns"]},
                }
                for system in sources
                for table in system["tables"]
            },
            "macros": {
                "macro.opetence.business_day": {
                    "name": "business_day",
                    "package_name": "opetence",
                    "macro_sql": self.macro,
                }
            },
            "exposures": {
                name: {"name": name, "depends_on": {"nodes": [f"model.opetence.{one}" for one in read]}}
                for name, read in self.exposures.items()
            },
        }

    def described(self) -> Description:
        return describe(self.content(), self.datasets())

    def _dataset(self, name: str) -> Dataset:
        """The same object where nothing of it was changed: what is known of it need not be found out again."""
        said, first = self.declared[name], DECLARED.get(name, {})
        is_first = self.fields[name] == FIELDS.get(name) and list(self.fields[name]) == list(FIELDS[name])
        if is_first and said.keys() == first.keys() and all(said[part] is first[part] for part in said):
            return _first(name)
        return Dataset(schema=_schema(self.fields[name]), **said)

    def _model(self, name: str) -> dict[str, Any]:
        code = self.sql[name]
        above = [f"model.opetence.{one}" for one in self.nodes if f"ref('{one}')" in code]
        macros = ["macro.opetence.business_day"] if "business_day" in code else []
        return {**self.nodes[name], "raw_code": code, "depends_on": {"nodes": above, "macros": macros}}


@cache
def _first(name: str) -> Dataset:
    return Dataset(schema=_schema(FIELDS[name]), **DECLARED[name])


@lru_cache(maxsize=8)
def _sources(text: str) -> list[dict[str, Any]]:
    return yaml.safe_load(text)["sources"]


def _schema(fields: Fields) -> type[pa.DataFrameModel]:
    said = {name: pa.Field(**checks) for name, (_, checks) in fields.items()}
    kinds = {name: dtype for name, (dtype, _) in fields.items()}
    return type("Rows", (pa.DataFrameModel,), {"__module__": __name__, "__annotations__": kinds, **said})


def made_node(name: str) -> dict[str, Any]:
    columns = dict(one.strip().split(" ", 1) for one in COLUMNS[name].replace(",2)", ";2)").split(","))
    return {
        "unique_id": f"model.opetence.{name}",
        "name": name,
        "resource_type": "model",
        "path": f"gold/{name}.sql",
        "description": f"What {name} is.",
        "columns": {
            column: {
                "name": column,
                "data_type": kind.replace(";", ","),
                "description": "",
                "constraints": [{"type": "not_null"}] if column == KEYS[name] else [],
            }
            for column, kind in columns.items()
        },
        "config": {
            "materialized": "daily" if name in DAYS else "whole",
            "contract": {"enforced": True},
            "meta": {"owner": "team:data", **({"day": DAYS[name]} if name in DAYS else {})},
        },
        "group": "core",
    }


def made_test(name: str) -> dict[str, Any]:
    return {
        "unique_id": f"test.opetence.key_of_{name}",
        "name": f"key_of_{name}",
        "resource_type": "test",
        "attached_node": f"model.opetence.{name}",
        "test_metadata": {"name": "unique_key", "kwargs": {"columns": [KEYS[name]]}},
        "config": {"severity": "ERROR"},
        "depends_on": {"nodes": [f"model.opetence.{name}"]},
    }
