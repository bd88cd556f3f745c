"""Gold's columns: what each column of each dbt model is made from."""

from __future__ import annotations

from collections.abc import Iterator

from opetence_assets.lineage.graph import Column
from opetence_assets.lineage.rendering import Content, Rendered, models_of, rendered_model
from opetence_assets.lineage.statements import Schema, Statement, Unreadable, read_statement

_PLAN = {  # what dbt/macros/changed_days.sql reads of a build
    "plans": {"model": "varchar", "whole": "boolean"},
    "consumed": {"model": "varchar", "source": "varchar", "version": "bigint"},
    "left_days": {"model": "varchar", "source": "varchar", "day": "date"},
    "rebuilt": {"day": "date"},
}


def schema_of(content: Content) -> Schema:
    """Every relation a model may read, with its columns' types: silver as declared, models as under contract."""
    schema: dict[str, dict[str, dict[str, str]]] = {"build": dict(_PLAN), "gold": {}, "released": {}, "changed": {}}
    for node in content["sources"].values():
        types = {name: column["data_type"] for name, column in node["columns"].items()}
        schema.setdefault(f"silver_{node['source_name']}", {})[node["name"]] = types
    for name, node in models_of(content).items():
        types = {column: described["data_type"] for column, described in node["columns"].items()}
        schema["gold"][name] = schema["released"][name] = types
        schema["changed"][name] = {"day": "date"}
    return schema


def statements(content: Content) -> Iterator[tuple[str, Statement | Unreadable]]:
    """Every model with what its SQL says, or why that cannot be told."""
    from jinja2 import TemplateError

    schema = schema_of(content)
    for name, node in models_of(content).items():
        try:
            yield name, model_statement(rendered_model(content, name, node["raw_code"]), schema)
        except (Unreadable, TemplateError) as error:
            yield name, error if isinstance(error, Unreadable) else Unreadable(f"Jinja: {type(error).__name__}")


def model_statement(sql: Rendered, schema: Schema) -> Statement:
    """A model's columns; what finds its changed days is read too and makes no column."""
    made = read_statement(sql.sql, schema)
    if not sql.days.strip():
        return made
    days = read_statement(sql.days, schema)
    return Statement(made.columns, tuple(sorted({*made.decides, *_silver(days)})))


def _silver(days: Statement) -> set[Column]:
    """What must be there for the changed days to be found; a release's own columns are no reason to build again."""
    named = {*days.decides, *(origin.column for origins in days.columns.values() for origin in origins)}
    return {column for column in named if column.table.startswith("silver/")}
