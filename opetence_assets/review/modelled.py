"""What the dbt project says of its models, as JSON: SQL without comments and layout, contract, tests, who answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from opetence_assets.lineage.rendering import Content, Node, models_of, rendered_model
from opetence_assets.review.canonical import short_digest
from opetence_assets.warehouse.models import models_in


def described_models(content: Content) -> dict[str, Any]:
    """Every model by name, and ``macros``: what the project's own say, as far as a model uses them."""
    made = {model.name: model for model in models_in(content)}
    tests = _tests(content)
    return {
        name: {
            **_normal(content, name, node["raw_code"]),
            "checksum": made[name].checksum,
            "columns": {column: _column(said) for column, said in node["columns"].items()},
            "constraints": sorted(_constraint(one) for one in node.get("constraints") or ()),
            "enforced": bool((node.get("config", {}).get("contract") or {}).get("enforced")),
            "materialized": node.get("config", {}).get("materialized"),
            "day": made[name].day,
            "key": list(made[name].key),
            "published": made[name].published,
            "parents": sorted({*made[name].parents}),
            "macros": _macros(content, node),
            "group": node.get("group"),
            "meta": {key: value for key, value in node.get("config", {}).get("meta", {}).items() if key != "day"},
            "description": " ".join((node.get("description") or "").split()),
            "tests": tests.get(name, {}),
        }
        for name, node in models_of(content).items()
    }


def described_exposures(content: Content) -> dict[str, Any]:
    """What stands outside, by name: who answers for it and what it reads."""
    return {
        exposure["name"]: {
            "owner": (exposure.get("owner") or {}).get("name"),
            "reads": sorted(f"gold/{one.rsplit('.', 1)[-1]}" for one in exposure["depends_on"]["nodes"]),
        }
        for exposure in content.get("exposures", {}).values()
    }


def _normal(content: Content, name: str, code: str) -> dict[str, Any]:
    """The statement as a whole first build runs it, laid out anew, and the one that finds its changed days.

    ``query`` is the same as two parts: what makes each column, and the rest, which decides the rows. The order of the
    columns is none, unless the statement itself counts them.
    """
    from jinja2 import TemplateError
    from sqlglot import exp, parse_one
    from sqlglot.errors import SqlglotError

    try:
        rendered = rendered_model(content, name, code)
        query = parse_one(rendered.sql, dialect="duckdb")
        days = parse_one(rendered.days, dialect="duckdb") if rendered.days.strip() else None
    except (TemplateError, SqlglotError):
        return {"sql": (bare := _template(code)), "query": {"makes": {}, "rest": bare}}
    # the statements are trees of our own repository's SQL: a shallow one of columns, or anything
    sql, asked = _laid_out(query), _laid_out(days) if days else []
    makes: dict[str, str] = {}
    deciding: list[str] = []
    if isinstance(query, exp.Select) and not _counts_columns(query):
        makes = {one.alias_or_name: one.sql(dialect="duckdb", comments=False) for one in query.expressions}
        deciding = sorted(f"{name}: {makes[name]}" for name in _deciding(query) & makes.keys())
        query.set("expressions", [])
    parts = {"makes": makes, "rest": [*_laid_out(query), *deciding, *asked]}
    return {"sql": [*sql, *(["-- changed days:", *asked] if asked else [])], "query": parts}


def _laid_out(query: Any) -> list[str]:
    return query.sql(dialect="duckdb", pretty=True, comments=False).splitlines()


def _counts_columns(query: Any) -> bool:
    """Whether what it selects decides its rows: distinct ones, or grouped or sorted by a column's number or by all."""
    group, order = query.args.get("group"), query.args.get("order")
    numbered = [
        one for part in (group, order) if part for one in part.expressions if one.is_number or one.this.is_number
    ]
    return bool(numbered or query.args.get("distinct") or (group and group.args.get("all")))


def _deciding(query: Any) -> set[str]:
    """The selected columns by whose name it filters or groups."""
    from sqlglot import exp

    parts = [query.args.get(part) for part in ("where", "group", "having", "qualify")]
    return {column.name for part in parts if part for column in part.find_all(exp.Column) if not column.table}


def _template(code: str) -> list[str]:
    """A template that cannot be read as SQL, without its comments and layout."""
    bare = re.sub(r"--[^\n]*", " ", re.sub(r"\{#.*?#\}", " ", code, flags=re.S))
    return " ".join(bare.split()).split(" , ")


def _column(said: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": " ".join(str(said.get("data_type") or "").lower().split()),
        "constraints": sorted(_constraint(one) for one in said.get("constraints") or ()),
        "meta": (said.get("config") or {}).get("meta") or said.get("meta") or {},
        "description": " ".join((said.get("description") or "").split()),
    }


def _constraint(said: Mapping[str, Any]) -> str:
    text = f"{said['type']} {said.get('expression') or ''} {' '.join(said.get('columns') or ())}"
    return " ".join(text.split())


def _macros(content: Content, node: Node) -> dict[str, str]:
    """The project's own macros that a model names → a digest of their text."""
    known = content.get("macros", {})
    own = (known[name] for name in (node.get("depends_on") or {}).get("macros", ()) if name in known)
    return {
        macro["name"]: short_digest(" ".join(_template(macro["macro_sql"])))
        for macro in own
        if macro["package_name"] == "opetence"
    }


def _tests(content: Content) -> dict[str, dict[str, Any]]:
    """Model → test → what it asks."""
    names = {node["unique_id"]: node["name"] for node in content["nodes"].values() if node["resource_type"] == "model"}
    found: dict[str, dict[str, Any]] = {}
    for node in content["nodes"].values():
        if node["resource_type"] != "test" or node.get("attached_node") not in names:
            continue
        asked = node.get("test_metadata") or {}
        kwargs = {key: value for key, value in asked.get("kwargs", {}).items() if key not in ("model", "name")}
        found.setdefault(names[node["attached_node"]], {})[node["name"]] = {
            "kind": asked.get("name"),
            "asks": kwargs,
            "severity": str(node.get("config", {}).get("severity", "error")).lower(),
        }
    return found
