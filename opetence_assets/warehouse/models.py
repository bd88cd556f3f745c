"""What the dbt project says of its models, read from the manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Node = Mapping[str, Any]


@dataclass(frozen=True)
class Model:
    """One gold model.

    Attributes:
        day: the column that says which business day a row belongs to; None unless the model is built by day.
        columns: name → type, by contract.
        key: the columns that its ``unique_key`` test holds unique; its files are sorted by them.
        published: it becomes a table of the lake (steps between models do not).
        sources: silver keys it is built from, through other models too.
        parents: the models it reads.
        checksum: changes with anything that decides its rows, given silver.
    """

    name: str
    day: str | None
    columns: Mapping[str, str]
    key: tuple[str, ...]
    published: bool
    sources: tuple[str, ...]
    parents: tuple[str, ...]
    checksum: str

    @property
    def table(self) -> str:
        """Its key in the lake."""
        return f"gold/{self.name}"


def read_models(manifest: Path) -> tuple[Model, ...]:
    """Every model of the project, each after those it reads."""
    return models_in(json.loads(manifest.read_bytes()))


def models_in(content: Mapping[str, Any]) -> tuple[Model, ...]:
    """As ``read_models``, of the manifest's content."""
    nodes: dict[str, Node] = content["nodes"]
    keys = {
        node["attached_node"]: tuple(node["test_metadata"]["kwargs"]["columns"])
        for node in nodes.values()
        if node["resource_type"] == "test" and (node.get("test_metadata") or {}).get("name") == "unique_key"
    }
    rules = _rules(content)
    found: dict[str, Model] = {}
    for node in _in_order(node for node in nodes.values() if node["resource_type"] == "model"):
        parents = [found[parent] for parent in node["depends_on"]["nodes"] if parent in found]
        found[node["unique_id"]] = _model(node, keys.get(node["unique_id"], ()), parents, rules)
    return tuple(found.values())


def declared_sources(manifest: Path) -> dict[str, dict[str, str]]:
    """Silver key → column → type, as far as ``sources.yml`` tells types."""
    sources: dict[str, Node] = json.loads(manifest.read_bytes())["sources"]
    return {
        f"silver/{node['source_name']}/{node['name']}": {
            name: column["data_type"] for name, column in node["columns"].items() if column["data_type"]
        }
        for node in sources.values()
    }


def tests_without(manifest: Path, built: Collection[str]) -> list[str]:
    """The data tests that look at none of these models."""
    nodes: dict[str, Node] = json.loads(manifest.read_bytes())["nodes"]
    looked_at = {
        node["name"]: {parent.rsplit(".", 1)[-1] for parent in node["depends_on"]["nodes"] if parent in nodes}
        for node in nodes.values()
        if node["resource_type"] == "test"
    }
    return sorted(name for name, models in looked_at.items() if not models & set(built))


def _model(node: Node, key: tuple[str, ...], parents: list[Model], rules: str) -> Model:
    columns = {name: str(column["data_type"]) for name, column in node["columns"].items()}
    own = [
        f"silver/{unique_id.split('.')[2]}/{unique_id.split('.')[3]}"
        for unique_id in node["depends_on"]["nodes"]
        if unique_id.startswith("source.")
    ]
    meta = node["config"]["meta"]
    text = json.dumps([node["raw_code"], columns, key, meta.get("day"), sorted(p.checksum for p in parents), rules])
    return Model(
        name=node["name"],
        day=meta.get("day"),
        columns=columns,
        key=key,
        published=node["path"].startswith("gold/"),
        sources=tuple(sorted({*own, *(source for parent in parents for source in parent.sources)})),
        parents=tuple(parent.name for parent in parents),
        checksum=hashlib.sha256(text.encode()).hexdigest(),
    )


def _rules(content: Mapping[str, Any]) -> str:
    """The project's own macros: any of them may decide any model's rows, but for tests."""
    macros: Iterable[Node] = content["macros"].values()
    own = (m for m in macros if m["package_name"] == "opetence" and not m["name"].startswith("test_"))
    return "\n".join(sorted(m["macro_sql"] for m in own))


def _in_order(nodes: Iterable[Node]) -> list[Node]:
    from graphlib import TopologicalSorter

    known = {node["unique_id"]: node for node in nodes}
    graph = {name: [p for p in node["depends_on"]["nodes"] if p in known] for name, node in known.items()}
    return [known[name] for name in TopologicalSorter(graph).static_order()]
