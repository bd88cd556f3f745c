"""The dbt project as its manifest tells it, as far as lineage reads one, without the seven seconds dbt parses."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import yaml

from opetence_assets.datasets import all_datasets
from opetence_assets.warehouse.manifest import PROJECT
from opetence_assets.warehouse.sources import rendered


@cache
def content() -> dict[str, Any]:
    """Models, sources and macros under the names the manifest has for them."""
    models = [_node(sql) for sql in sorted((PROJECT / "models").rglob("*.sql"))]
    sources = yaml.safe_load(rendered(all_datasets()))["sources"]
    return {
        "nodes": {f"model.opetence.{node['name']}": node for node in models},
        "sources": {
            f"source.opetence.{system['name']}.{table['name']}": {
                "source_name": system["name"],
                "name": table["name"],
                "columns": _by_name(table["columns"]),
            }
            for system in sources
            for table in system["tables"]
        },
        "macros": {macro["name"]: macro for file in (PROJECT / "macros").glob("*.sql") for macro in _macros(file)},
        "exposures": {},
    }


def _node(sql: Any) -> dict[str, Any]:
    (described,) = yaml.safe_load(sql.with_suffix(".yml").read_text())["models"]
    return {
        "name": sql.stem,
        "resource_type": "model",
        "raw_code": sql.read_text(),
        "path": str(sql.relative_to(PROJECT / "models")),
        "original_file_path": str(sql.relative_to(PROJECT)),
        "description": described["description"],
        "columns": _by_name(described["columns"]),
    }


def _by_name(columns: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {column["name"]: {"config": {}, **column} for column in columns}


def _macros(file: Any) -> list[dict[str, str]]:
    found = re.findall(r"\{% macro (\w+)\(.*?endmacro %\}", text := file.read_text(), re.S)
    bodies = re.findall(r"\{% macro .*?endmacro %\}", text, re.S)
    pairs = zip(found, bodies, strict=True)
    return [{"name": name, "macro_sql": body, "package_name": "opetence"} for name, body in pairs]
