"""What the dbt project says of its models, as JSON: SQL without comments and layout, contract, tests, who answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opetence_assets.lineage.rendering import Content, Node, models_of
from opetence_assets.review.canonical import short_digest
from opetence_assets.review.queries import bare_template, described_query
from opetence_assets.warehouse.models import models_in


def described_models(content: Content) -> dict[str, Any]:
    """Every model by name, and ``macros``: what the project's own say, as far as a model uses them."""
    made = {model.name: model for model in models_in(content)}
    tests = _tests(content)
    return {
        name: {
            **described_query(content, name, node["raw_code"]),
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
        macro["name"]: short_digest(" ".join(bare_template(macro["macro_sql"])))
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
