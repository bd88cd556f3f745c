"""What a model's statement says, without comments and layout: what makes each column, and what decides its rows."""

from __future__ import annotations

import re
from typing import Any

from opetence_assets.lineage.rendering import Content, rendered_model


def described_query(content: Content, name: str, code: str) -> dict[str, Any]:
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
        return {"sql": (bare := bare_template(code)), "query": {"makes": {}, "rest": bare}}
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


def bare_template(code: str) -> list[str]:
    """A template that cannot be read as SQL, without its comments and layout."""
    bare = re.sub(r"--[^\n]*", " ", re.sub(r"\{#.*?#\}", "", code, flags=re.S))
    return " ".join(bare.split()).split(" , ")
