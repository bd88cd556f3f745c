"""Seeded leaks: each a small model, declaration, value or message that lets personal data through, and what is none.

``python -m opetence_assets_tests.lineage.leaks`` tells which of them are found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Watch
from opetence_assets.datasets import all_datasets, dataset_named
from opetence_assets.lineage.columns import made_graph
from opetence_assets.lineage.gold import model_statement, schema_of
from opetence_assets.lineage.graph import Column, Graph
from opetence_assets.lineage.policy import dataset_leaks, gold_leaks
from opetence_assets.lineage.rendering import rendered_model
from opetence_assets.lineage.statements import Unreadable
from opetence_assets_tests.lineage.project import content

USERS = "{{ source('user_service', 'users') }}"
TICKETS = "{{ source('support', 'tickets') }}"
SEARCH = "{{ source('clickstream', 'search') }}"
VIEWS = "{{ source('clickstream', 'page_views') }}"
MAIL = "jane.doe@example.org"


@cache
def real() -> Graph:
    return made_graph(content(), all_datasets())


def is_found(code: str, *, text: Mapping[str, Any] | None = None, macros: str = "", step: str = "") -> bool:
    """Whether a model with this SQL keeps gold from being published; ``step`` is a model ``step`` that it may read."""
    changed = {**content(), "nodes": {}, "macros": {**content()["macros"]}}
    if macros:
        changed["macros"]["leaked"] = {"name": "leaked", "macro_sql": macros, "package_name": "opetence"}
    graph = real()
    for name, sql, path in (("step", step, "private/step.sql"), ("seeded", code, "gold/users/seeded.sql")):
        if sql:
            graph, node = _with(changed, graph, name, sql, path)
            changed["nodes"][name] = {**node, **(text or {})}
    return bool(gold_leaks(changed, graph, all_datasets()))


def _with(changed: dict[str, Any], graph: Graph, name: str, sql: str, path: str) -> tuple[Graph, dict[str, Any]]:
    described = {"name": name, "resource_type": "model", "raw_code": sql, "path": path}
    node = {**described, "original_file_path": f"models/{path}", "description": "", "columns": {}}
    schema = schema_of({**content(), "nodes": {**content()["nodes"], **changed["nodes"]}})
    try:
        made = model_statement(rendered_model(changed, name, sql), schema)
    except Unreadable as error:
        return replace(graph, unread={f"gold/{name}": str(error)}), node
    columns = {Column(f"gold/{name}", column): origins for column, origins in made.columns.items()}
    node["columns"] = {c.name: {"description": "", "data_type": "varchar", "config": {}} for c in columns}
    return replace(graph, made_of={**graph.made_of, **columns}), node


def declared(name: str, **changed: Any) -> bool:
    """Whether a declaration with these changes keeps its rows from silver."""
    dataset = replace(dataset_named(name), **changed)
    return bool(dataset_leaks(dataset, made_graph({**content(), "nodes": {}}, (dataset,))))


def tidied(name: str, *more: pl.Expr) -> bool:
    """Whether a tidy that also makes these columns is found; a column the schema has not is declared for it."""
    dataset = dataset_named(name)
    before = dataset.tidy
    return declared(
        name,
        tidy=lambda raw: before(raw).with_columns(*more),
        schema=_with_fields(dataset, *(expression.meta.output_name() for expression in more)),
    )


def _with_fields(dataset: Dataset, *names: str) -> type[pa.DataFrameModel]:
    fresh = {name: pl.String for name in names if name not in dataset.schema.to_schema().columns}
    return type("Seeded", (dataset.schema,), {"__annotations__": fresh, "__module__": dataset.schema.__module__})


class Bare(pa.DataFrameModel):
    user_id: pl.Int64
    email: pl.String
    updated_at: pl.Datetime


@dataclass(frozen=True)
class Seeded:
    name: str
    found: Callable[[], bool]


def sql(name: str, code: str, **more: Any) -> Seeded:
    return Seeded(name, lambda: is_found(code, **more))


LEAKS = (
    sql("plain", f"select user_id, email_hash from {USERS}"),
    sql("rename", f"select email_hash as contact_key from {USERS}"),
    sql("concat", f"select phone_masked || ' ' || segment as label from {USERS}"),
    sql("concat_ws", f"select concat_ws('/', segment, phone_masked) as label from {USERS}"),
    sql("printf", f"select format('{{{{ '{{}}' }}}}', phone_masked) as label from {USERS}"),
    sql("md5", f"select md5(phone_masked) as code from {USERS}"),
    sql("sha256", f"select sha256(email_hash) as code from {USERS}"),
    sql("hash", f"select hash(email_hash, user_id) as code from {USERS}"),
    sql(
        "first_value", f"select first_value(email_hash) over (partition by segment order by user_id) as f from {USERS}"
    ),
    sql("lag", f"select lag(phone_masked) over (order by user_id) as f from {USERS}"),
    sql(
        "window in a named frame",
        f"select nth_value(phone_masked, 2) over w as f from {USERS} window w as (order by user_id)",
    ),
    sql("to_json of a row", f"select to_json(u) as packed from {USERS} as u"),
    sql("a row as a value", f"select u as packed from {USERS} as u"),
    sql("struct", f"select struct_pack(p := phone_masked) as packed from {USERS}"),
    sql("struct literal", "select {'p': phone_masked} as packed from silver_user_service.users"),
    sql("json_object", f"select json_object('p', phone_masked) as packed from {USERS}"),
    sql("map", f"select map([segment], [phone_masked]) as packed from {USERS}"),
    sql("coalesce", f"select coalesce(phone_masked, 'none') as reached_by from {USERS}"),
    sql("case", f"select case when segment = 'vip' then phone_masked else 'x' end as line from {USERS}"),
    sql("if", f"select if(is_test, phone_masked, null) as line from {USERS}"),
    sql("union", f"select segment from {USERS} union all select phone_masked from {USERS}"),
    sql("union by name", f"select 1 as a from {USERS} union all by name select phone_masked as a from {USERS}"),
    sql("except", f"select phone_masked as a from {USERS} except select segment from {USERS}"),
    sql("lateral", f"select x.line from {USERS} as u, lateral (select u.phone_masked as line) as x"),
    sql("unnest", f"select unnest([segment, phone_masked]) as line from {USERS}"),
    sql("unnest in from", f"select t.line from {USERS} as u, unnest([u.phone_masked]) as t(line)"),
    sql("substring", f"select substring(phone_masked, 4, 2) as tail from {USERS}"),
    sql("slice", f"select phone_masked[4:] as tail from {USERS}"),
    sql("regexp", f"select regexp_extract(phone_masked, '[0-9]+') as tail from {USERS}"),
    sql(
        "chain of CTEs",
        f"with a as (select phone_masked as b from {USERS}), c as (select b as d from a) select d as e from c",
    ),
    sql("CTE's column list", f"with a(b) as (select phone_masked from {USERS}) select b from a"),
    sql(
        "recursive CTE",
        f"with recursive a as (select phone_masked as b from {USERS} union all select b from a) select b from a",
    ),
    sql("star", f"select * from {USERS}"),
    sql("star with exclude", f"select * exclude (email_hash, birth_year) from {USERS}"),
    sql(
        "star with replace",
        f"select * exclude (email_hash, birth_year, phone_masked) replace (phone_masked as segment) from {USERS}",
    ),
    sql("columns by pattern", f"select columns('.*_masked') from {USERS}"),
    sql("subquery", f"select user_id, (select max(phone_masked) from {USERS}) as line from {USERS}"),
    sql(
        "correlated subquery",
        f"select (select b.phone_masked from {USERS} as b where b.user_id = a.user_id) as c from {USERS} as a",
    ),
    sql(
        "alias shadowing",
        f"with users as (select user_id, phone_masked as segment from {USERS}) select users.segment from users",
    ),
    sql(
        "join shadowing",
        f"select o.status from {{{{ ref('fct_orders') }}}} as f"
        f" join (select phone_masked as status, user_id from {USERS}) as o on o.user_id = f.user_id",
    ),
    sql("natural star join", f"select o.* from {{{{ ref('fct_orders') }}}} as f join {USERS} as o using (user_id)"),
    sql("cast to binary", f"select cast(phone_masked as blob) as code from {USERS}"),
    sql("cast to text", f"select email_hash::varchar as code from {USERS}"),
    sql("base64", f"select base64(email_hash) as code from {USERS}"),
    sql("hex", f"select hex(email_hash) as code from {USERS}"),
    sql("list", f"select segment, list(email_hash) as codes from {USERS} group by segment"),
    sql("string_agg", f"select segment, string_agg(phone_masked, ',') as lines from {USERS} group by segment"),
    sql("min", f"select segment, min(phone_masked) as line from {USERS} group by segment"),
    sql("arg_max", f"select segment, arg_max(phone_masked, updated_at) as line from {USERS} group by segment"),
    sql("any_value with filter", f"select any_value(phone_masked) filter (where is_test) as line from {USERS}"),
    sql("group by", f"select email_hash as g, count(*) as n from {USERS} group by g"),
    sql("distinct on", f"select distinct on (segment) segment, phone_masked as line from {USERS}"),
    sql("list comprehension", f"select [x for x in [phone_masked]] as lines from {USERS}"),
    sql("lambda", f"select list_transform([phone_masked], lambda x: x || '') as lines from {USERS}"),
    sql(
        "macro",
        f"select {{{{ leaked('phone_masked') }}}} as line from {USERS}",
        macros="{% macro leaked(c) %}upper({{ c }}){% endmacro %}",
    ),
    sql("loop of Jinja", f"select {{% for c in ['email_hash'] %}}{{{{ c }}}} as c{{% endfor %}} from {USERS}"),
    sql("birth year", f"select birth_year - birth_year % 10 as era from {USERS}"),
    sql("average of a birth year", f"select segment, avg(birth_year) as era from {USERS} group by segment"),
    sql("free text", f"select ticket_id, subject_scrubbed as about from {TICKETS}"),
    sql("free text in lower case", f"select lower(query_scrubbed) as term, count(*) as n from {SEARCH} group by 1"),
    sql("network", f"select ip_network as net, count(*) as n from {VIEWS} group by 1"),
    sql("through a step", "select line from {{ ref('step') }}", step=f"select phone_masked as line from {USERS}"),
    sql(
        "packed in a step",
        "select length(line) as n from {{ ref('step') }}",
        step=f"select phone_masked || '' as line from {USERS}",
    ),
    sql("bronze by its files", "select * from read_parquet('/lake/bronze/user_service/users/*.parquet')"),
    sql("a table nobody declared", "select * from silver_user_service.users_raw"),
    sql("a column that is sealed", f"select email as contact from {USERS}"),
    sql("pivot", f"pivot {USERS} on phone_masked using count(*)"),
    sql("copy", f"copy (select * from {USERS}) to '/tmp/x.csv'"),
    sql("a person in a literal", f"select '{MAIL}' as owner from {USERS}"),
    sql("a person in a comment", f"select user_id from {USERS} -- as {MAIL} asked"),
    sql("a person in a description", f"select user_id from {USERS}", text={"description": f"Ask {MAIL}."}),
    sql(
        "rule text of a test",
        f"select user_id from {USERS}",
        text={"test_metadata": {"kwargs": {"rules": [f"x != '{MAIL}'"]}}},
    ),
    sql("a hook", f"select user_id from {USERS}", text={"config": {"post-hook": [{"sql": "copy x to 'y'"}]}}),
    sql("a seed", f"select user_id from {USERS}", text={"resource_type": "seed"}),
    sql("a model in Python", f"select user_id from {USERS}", text={"language": "python"}),
    sql("a personal name over nothing known", f"select segment as email from {USERS}"),
    Seeded(
        "tidy: concat", lambda: tidied("support/tickets", pl.concat_str("channel", "subject_scrubbed").alias("label"))
    ),
    Seeded("tidy: rename", lambda: tidied("user_service/users", pl.col("phone_masked").alias("line"))),
    Seeded(
        "tidy: over a declared column", lambda: tidied("user_service/users", pl.col("phone_masked").alias("segment"))
    ),
    Seeded(
        "tidy: hash without key",
        lambda: tidied("user_service/users", pl.col("phone_masked").hash().cast(pl.String).alias("code")),
    ),
    Seeded(
        "tidy: JSON",
        lambda: tidied("user_service/users", pl.struct("user_id", "phone_masked").struct.json_encode().alias("packed")),
    ),
    Seeded(
        "tidy: window",
        lambda: tidied("user_service/users", pl.col("phone_masked").first().over("segment").alias("line")),
    ),
    Seeded(
        "tidy: coalesce", lambda: tidied("user_service/users", pl.coalesce("phone_masked", "segment").alias("segment"))
    ),
    Seeded(
        "tidy: binary",
        lambda: tidied("user_service/users", pl.col("phone_masked").cast(pl.Binary).bin.encode("base64").alias("code")),
    ),
    Seeded(
        "tidy: what is sealed", lambda: tidied("user_service/users", pl.col("_sealed").bin.encode("hex").alias("code"))
    ),
    Seeded(
        "tidy: into a treated column",
        lambda: tidied("support/tickets", pl.col("subject_scrubbed").alias("description_scrubbed")),
    ),
    Seeded(
        "tidy: map of a whole frame",
        lambda: declared(
            "user_service/users",
            tidy=lambda raw: raw.map_batches(lambda frame: frame.with_columns(segment=frame["phone_masked"])),
        ),
    ),
    Seeded(
        "tidy: collected at once",
        lambda: declared(
            "user_service/users", tidy=lambda raw: raw.collect().with_columns(segment=pl.col("phone_masked")).lazy()
        ),
    ),
    Seeded("undeclared class", lambda: declared("user_service/users", schema=Bare)),
    Seeded("a rule's name", lambda: declared("order_service/returns", rules={f"not {MAIL}'s": pl.col("line_no") > 0})),
    Seeded("a filter's name", lambda: declared("order_service/returns", filters={f"of {MAIL}": pl.col("line_no") > 0})),
    Seeded("watched by", lambda: declared("user_service/users", watch=Watch(by=("phone_masked",)))),
)

HARMLESS = (
    sql(
        "count",
        f"select segment, count(email_hash) as n, count(distinct phone_masked) as m from {USERS} group by segment",
    ),
    sql("flag", f"select user_id, phone_masked is not null as is_reachable from {USERS}"),
    sql("filter", f"select user_id from {USERS} where email_hash is not null and birth_year > 1950"),
    sql("join", f"select a.user_id from {USERS} as a join {TICKETS} as b on a.email_hash = b.requester_email_hash"),
    sql("comparison", f"select user_id, birth_year >= 1990 as is_young from {USERS}"),
    sql("case by it", f"select case when birth_year < 1960 then 'older' else 'younger' end as age_group from {USERS}"),
    sql(
        "row number", f"select user_id, row_number() over (partition by email_hash order by user_id) as n from {USERS}"
    ),
    sql("filtered count", f"select count(*) filter (where phone_masked is null) as n from {USERS}"),
    sql(
        "in", f"select user_id, email_hash in (select requester_email_hash from {TICKETS}) as has_written from {USERS}"
    ),
    sql("everything else", f"select * exclude (email_hash, phone_masked, birth_year) from {USERS}"),
)


def missed() -> list[str]:
    return [leak.name for leak in LEAKS if not leak.found()]


def false_alarms() -> list[str]:
    return [case.name for case in HARMLESS if case.found()]


if __name__ == "__main__":
    import sys

    sys.stdout.write(f"{len(LEAKS)} seeded, missed: {missed()}; {len(HARMLESS)} harmless, refused: {false_alarms()}\n")
