"""Changes with what a reviewer would say of each, written before the plan was asked: its gravity and whom it hits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from opetence_assets.dataset import Daily, Deletes, Drift, Freshness, Grade, Month, Pii, Reference, Severity, Watch
from opetence_assets_tests.review.tidies import commented, counted_on, other_separator, same_by_another_layout
from opetence_assets_tests.review.world import World, made_node, made_test, partners, shop

Edit = Callable[[World], object]


@dataclass(frozen=True)
class Case:
    """A labelled change.

    Attributes:
        effect: "" where nothing has changed.
        columns: those of the changed table whose values or being it is about, ``orders.total`` or ``fct_orders.total``.
        tables: gold's, where values or rows may now be others.
    """

    name: str
    edit: Edit
    effect: str
    columns: str = ""
    tables: str = ""


def column(table: str, name: str, dtype: Any = None, **checks: Any) -> Edit:
    """Declares a column, or declares it otherwise."""

    def edit(world: World) -> None:
        world.fields[table][name] = (dtype or world.fields[table][name][0], checks)

    return edit


def without(table: str, name: str) -> Edit:
    return lambda world: world.fields[table].pop(name)


def renamed(table: str, old: str, new: str) -> Edit:
    def edit(world: World) -> None:
        fields = world.fields[table]
        world.fields[table] = {new if name == old else name: said for name, said in fields.items()}

    return edit


def said(table: str, **parts: Any) -> Edit:
    return lambda world: world.declared[table].update(parts)


def sql(model: str, old: str, new: str) -> Edit:
    def edit(world: World) -> None:
        assert old in world.sql[model]
        world.sql[model] = world.sql[model].replace(old, new)

    return edit


def node(model: str, change: Callable[[dict[str, Any]], object]) -> Edit:
    return lambda world: change(world.nodes[model])


def typed(model: str, name: str, kind: str) -> Edit:
    return node(model, lambda one: one["columns"][name].update(data_type=kind))


def both(*edits: Edit) -> Edit:
    return lambda world: [edit(world) for edit in edits]


def gold_column(model: str, name: str, kind: str, made: str) -> Edit:
    added = {"name": name, "data_type": kind, "constraints": [], "description": ""}
    return both(
        node(model, lambda one: one["columns"].update({name: added})),
        sql(model, "select ", f"select {made} as {name}, "),
    )


def test(name: str, **parts: Any) -> Edit:
    return lambda world: world.tests[name].update(parts)


def new_model(world: World) -> None:
    world.sql["regions"] = "select distinct segment from {{ source('shop', 'users') }}"
    world.nodes["regions"] = {**made_node("dim_users"), "unique_id": "model.opetence.regions", "name": "regions"}
    world.nodes["regions"]["columns"] = {"segment": world.nodes["regions"]["columns"]["segment"]}


def new_dataset(world: World) -> None:
    world.fields["vendors"] = {"vendor_id": (pl.Int64, {}), "name": (pl.String, {})}
    world.declared["vendors"] = {"feed": shop.table("vendors"), "key": ("vendor_id",), "owner": "team:data"}


def gone(table: str) -> Edit:
    return lambda world: (world.declared.pop(table), world.fields.pop(table))


def model_gone(world: World) -> None:
    for part in (world.sql, world.nodes):
        part.pop("dim_users")
    world.tests.pop("key_of_dim_users")


ORDERS, USERS = "fct_orders daily_revenue", "fct_orders daily_revenue dim_users"
LATE = {"placed late": pl.col("placed_at") <= pl.col("updated_at")}
TESTS = {"tests": pl.col("note") == "test"}
EMAIL = r"[^@]+@[^@]+$"
OF_DATASETS = (
    Case("column dropped that gold reads", without("orders", "total"), "breaking", "orders.total", ORDERS),
    Case("column dropped that nobody reads", without("users", "phone"), "breaking", "users.phone_masked"),
    Case("column renamed", renamed("orders", "total", "amount"), "breaking", "orders.total", ORDERS),
    Case("decimal widened", column("orders", "total", pl.Decimal(14, 2), ge=0), "additive", "orders.total"),
    Case("decimal narrowed", column("orders", "total", pl.Decimal(10, 2), ge=0), "breaking", "orders.total", ORDERS),
    Case("integer widened", column("items", "quantity", pl.Int64, ge=0, le=100), "additive", "items.quantity"),
    Case("integer narrowed", column("items", "quantity", pl.Int16, ge=0, le=100), "breaking", "items.quantity"),
    Case("decimal to float", column("orders", "total", pl.Float64, ge=0), "breaking", "orders.total", ORDERS),
    Case("nullable column added", column("orders", "channel", pl.String, nullable=True), "additive", "orders.channel"),
    Case("required column added", column("orders", "channel", pl.String), "breaking", "orders.channel"),
    Case("key made shorter", said("items", key=("order_id",)), "breaking"),
    Case("nulls refused", column("orders", "note"), "breaking", "", ORDERS),
    Case("nulls accepted", column("orders", "user_id", nullable=True), "semantic", "", ORDERS),
    Case("lower bound raised", column("orders", "total", ge=1), "breaking", "", ORDERS),
    Case("lower bound lowered", column("orders", "total", ge=-5), "semantic", "", ORDERS),
    Case("lower bound opened", column("orders", "total", gt=0), "breaking", "", ORDERS),
    Case("upper bound lowered", column("items", "quantity", ge=0, le=50), "breaking"),
    Case("upper bound lifted", column("items", "quantity", ge=0), "semantic"),
    Case("bounds moved both ways", column("items", "quantity", ge=1, le=200), "breaking"),
    Case("value no longer allowed", column("orders", "status", isin=["placed", "paid"]), "breaking", "", ORDERS),
    Case(
        "value allowed besides",
        column("orders", "status", isin=["placed", "paid", "cancelled", "lost"]),
        "semantic",
        "",
        ORDERS,
    ),
    Case("values exchanged", column("orders", "status", isin=["placed", "paid", "void"]), "breaking", "", ORDERS),
    Case("pattern changed", column("orders", "order_id", str_matches=r"O\d{5}$"), "breaking", "", ORDERS),
    Case("pattern dropped", column("orders", "order_id"), "semantic", "", ORDERS),
    Case("check added", column("users", "segment", isin=["vip", "new"]), "breaking", "", USERS),
    Case(
        "pattern of a sealed column",
        column("users", "email", str_matches=EMAIL[:-1] + r"\.de$", metadata={"pii": Pii.HASH}),
        "breaking",
        "",
        USERS,
    ),
    Case(
        "digest becomes mask",
        column("users", "email", str_matches=EMAIL, metadata={"pii": Pii.MASK}),
        "breaking",
        "users.email_hash users.email_masked",
    ),
    Case(
        "declared personal",
        column("orders", "note", nullable=True, metadata={"pii": Pii.SEAL}),
        "breaking",
        "orders.note",
    ),
    Case(
        "no longer personal",
        column("users", "phone", nullable=True),
        "breaking",
        "users.phone users.phone_masked",
    ),
    Case("filter added", said("users", filters={"bots": pl.col("segment") == "bot"}), "semantic", "", USERS),
    Case("filter removed", said("orders", filters={}), "semantic", "", ORDERS),
    Case("filter changed", said("orders", filters={"tests": pl.col("note") == "t"}), "semantic", "", ORDERS),
    Case("rule added", said("items", rules={"one": pl.col("line_no") > 0}), "breaking"),
    Case("rule removed", said("orders", rules={}), "semantic", "", ORDERS),
    Case("rule rewritten", said("orders", rules={"placed late": pl.col("total") > 1}), "breaking", "", ORDERS),
    Case(
        "rule that only warns added",
        said("items", rules={"one": pl.col("line_no") > 0}, grades={"one": Grade(Severity.WARN)}),
        "neutral",
    ),
    Case(
        "rule only warns from now on",
        said("orders", grades={"placed late": Grade(Severity.WARN)}),
        "semantic",
        "",
        ORDERS,
    ),
    Case(
        "rule blocks from now on", said("orders", grades={"placed late": Grade(Severity.BLOCK)}), "semantic", "", ORDERS
    ),
    Case("tolerance set", said("orders", grades={"status: isin": Grade(up_to=0.1)}), "semantic", "", ORDERS),
    Case(
        "tidy reads another separator",
        said("payments", tidy=other_separator),
        "semantic",
        "payments.amount payments.paid_on",
        "fct_payments",
    ),
    Case(
        "tidy counts days otherwise",
        said("payments", tidy=counted_on),
        "semantic",
        "payments.amount payments.paid_on",
        "fct_payments",
    ),
    Case("another cursor", said("orders", cursor="placed_at"), "semantic", "", ORDERS),
    Case(
        "another header of the file",
        said("payments", feed=partners.csv("payments", ("payment_id", "amount", "paid_on"), since=None)),
        "semantic",
        "",
        "fct_payments",
    ),
    Case("history kept", said("users", history=True), "breaking", "", USERS),
    Case("deletions looked for", said("users", deletes=Deletes.HARD), "semantic", "", USERS),
    Case("drift freezes", said("users", drift=Drift.FREEZE), "semantic", "", USERS),
    Case("laid out by month", said("items", partition_by=Month("updated_at")), "neutral"),
    Case("dataset added", new_dataset, "additive"),
    Case(
        "dataset removed that gold reads",
        both(gone("payments")),
        "breaking",
        "payments.payment_id payments.order_id payments.amount payments.paid_on",
        "fct_payments",
    ),
    Case("freshness", said("orders", freshness=Freshness(every=timedelta(days=1))), "neutral"),
    Case("owner", said("orders", owner="team:sales"), "neutral"),
    Case("backups kept longer", said("orders", backup=Daily(90)), "neutral"),
    Case("watched", said("orders", watch=Watch(figures=("total",))), "neutral"),
    Case("reference dropped", said("orders", references=(Reference("shop/items", ("order_id",)),)), "neutral"),
    Case("read more slowly", said("orders", feed=shop.table("orders", lag=timedelta(minutes=20))), "neutral"),
    Case("a rule's new name", said("orders", rules={"too late": LATE["placed late"]}), "neutral"),
)
OF_MODELS = (
    Case("expression", sql("daily_revenue", "!= 'cancelled'", "= 'paid'"), "semantic", "daily_revenue.revenue"),
    Case("rows filtered", sql("fct_orders", "left join", "inner join"), "semantic", "", "daily_revenue"),
    Case(
        "what it groups by",
        sql("daily_revenue", "select placed_on,", "select placed_on + 1 as placed_on,"),
        "semantic",
    ),
    Case(
        "macro that it calls",
        lambda world: setattr(world, "macro", world.macro.replace("Berlin", "Paris")),
        "semantic",
        "fct_orders.placed_on",
        "daily_revenue",
    ),
    Case(
        "gold column added",
        gold_column("dim_users", "email", "blob", "email_hash"),
        "additive",
        "dim_users.email",
    ),
    Case(
        "gold column dropped",
        both(
            node("fct_orders", lambda one: one["columns"].pop("total")),
            sql("fct_orders", "orders.status, orders.total,", "orders.status,"),
        ),
        "breaking",
        "fct_orders.total",
        "daily_revenue",
    ),
    Case(
        "gold column renamed",
        both(
            node("dim_users", lambda one: one["columns"].update(kind=one["columns"].pop("segment"))),
            sql("dim_users", "segment", "segment as kind"),
        ),
        "breaking",
        "dim_users.segment",
    ),
    Case("gold type widened", typed("fct_orders", "total", "decimal(14,2)"), "additive", "fct_orders.total"),
    Case("gold type narrowed", typed("daily_revenue", "orders", "integer"), "breaking", "daily_revenue.orders"),
    Case("gold type exchanged", typed("dim_users", "user_id", "varchar"), "breaking", "dim_users.user_id"),
    Case("test removed", lambda world: world.tests.pop("key_of_dim_users"), "semantic"),
    Case(
        "test added",
        lambda world: world.tests.update(
            more={
                **made_test("dim_users"),
                "name": "more",
                "unique_id": "test.opetence.more",
                "test_metadata": {"name": "holds"},
            }
        ),
        "additive",
    ),
    Case("test only warns", test("key_of_dim_users", config={"severity": "warn"}), "semantic"),
    Case(
        "key of gold",
        test("key_of_dim_users", test_metadata={"name": "unique_key", "kwargs": {"columns": ["segment"]}}),
        "breaking",
    ),
    Case(
        "no longer daily",
        node("fct_orders", lambda one: one["config"].update(materialized="whole")),
        "semantic",
        "",
        "daily_revenue",
    ),
    Case(
        "contract not enforced",
        node("dim_users", lambda one: one["config"].update(contract={"enforced": False})),
        "breaking",
    ),
    Case(
        "may hold nulls",
        node("dim_users", lambda one: one["columns"]["user_id"].update(constraints=[])),
        "semantic",
        "dim_users.user_id",
    ),
    Case(
        "holds no nulls",
        node("dim_users", lambda one: one["columns"]["segment"].update(constraints=[{"type": "not_null"}])),
        "additive",
        "dim_users.segment",
    ),
    Case(
        "personal values let in",
        node("dim_users", lambda one: one["columns"]["segment"].update(config={"meta": {"personal": "hash"}})),
        "breaking",
        "dim_users.segment",
    ),
    Case("model added", new_model, "additive"),
    Case("model removed", model_gone, "breaking", "dim_users.user_id dim_users.segment"),
    Case(
        "no longer published",
        node("dim_users", lambda one: one.update(path="private/dim_users.sql")),
        "breaking",
        "dim_users.user_id dim_users.segment",
    ),
    Case("description", node("dim_users", lambda one: one.update(description="Users.")), "neutral"),
    Case("group", node("dim_users", lambda one: one.update(group="users")), "neutral"),
    Case("dashboard added", lambda world: world.exposures.update(other=["dim_users"]), "neutral"),
)
LOOK_ALIKES = (
    Case("columns in another order", lambda w: w.fields.update(orders=dict(reversed(w.fields["orders"].items()))), ""),
    Case("allowed values in another order", column("orders", "status", isin=["paid", "cancelled", "placed"]), ""),
    Case("bounds in other words", column("items", "quantity", in_range={"min_value": 0, "max_value": 100}), ""),
    Case(
        "references in another order",
        lambda w: w.declared["orders"].update(references=w.declared["orders"]["references"][::-1]),
        "",
    ),
    Case("key in another order", said("items", key=("line_no", "order_id")), ""),
    Case("comments and a docstring in tidy", said("payments", tidy=commented), ""),
    Case("tidy laid out anew", said("payments", tidy=same_by_another_layout), ""),
    Case("comment in SQL", sql("daily_revenue", "count(*)", "/* all */ count(*) -- every one\n"), ""),
    Case(
        "SQL laid out anew", lambda w: w.sql.update({name: " ".join(text.split()) for name, text in w.sql.items()}), ""
    ),
    Case("keywords in capitals", sql("daily_revenue", "group by", "GROUP BY"), ""),
    Case("selected in another order", sql("dim_users", "user_id, segment", "segment, user_id"), ""),
    Case(
        "contract in another order",
        node("dim_users", lambda one: one.update(columns=dict(reversed(one["columns"].items())))),
        "",
    ),
    Case("comment in Jinja", sql("dim_users", "select", "{# who #} select"), ""),
    Case("comment in a macro", lambda w: setattr(w, "macro", w.macro.replace("%}cast", "%}{# at home #}cast")), ""),
    Case("a test's new name", lambda w: w.tests.update(other={**w.tests.pop("key_of_dim_users"), "name": "other"}), ""),
)
CASES = (*OF_DATASETS, *OF_MODELS, *LOOK_ALIKES)
