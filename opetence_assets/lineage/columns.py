"""The graph of all columns, kept beside dbt's manifest; made again when a declaration, a model or this code changed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from opetence_assets.dataset import Dataset
from opetence_assets.lineage.graph import Column, Graph, Origin
from opetence_assets.lineage.silver import landed_from, looked_at, refined_from

KEPT = "columns.json"
_DECIDING = ("datasets", "sources", "privacy", "refinement", "lineage", "dataset.py")  # whose code decides the columns


def column_graph(manifest: Path, datasets: Iterable[Dataset]) -> Graph:
    """The columns of every zone. Reading the kept graph takes 10 ms, making it 2 s.

    Args:
        manifest: dbt's manifest, as ``warehouse.manifest.ensure_manifest`` gives it.
    """
    return _graph(manifest, _state(manifest), tuple(datasets))


def is_kept(manifest: Path) -> bool:
    """Whether the graph need not be made, only read."""
    kept = manifest.with_name(KEPT)
    return kept.exists() and json.loads(kept.read_bytes())["state"] == _state(manifest)


def made_graph(content: Mapping[str, Any], datasets: Iterable[Dataset]) -> Graph:
    """The graph of a manifest's content and these declarations."""
    from opetence_assets.lineage.gold import statements
    from opetence_assets.lineage.statements import Unreadable

    made_of: dict[Column, tuple[Origin, ...]] = {}
    decides: dict[str, tuple[Column, ...]] = {}
    for dataset in datasets:
        zones = {"bronze": landed_from(dataset), "silver": refined_from(dataset)}
        for zone, columns in zones.items():
            made_of |= {Column(dataset.table(zone), name): origins for name, origins in columns.items()}
        decides[dataset.table("silver")] = looked_at(dataset)
    unread: dict[str, str] = {}
    for name, statement in statements(content):
        if isinstance(statement, Unreadable):
            unread[f"gold/{name}"] = str(statement)
            continue
        made_of |= {Column(f"gold/{name}", column): origins for column, origins in statement.columns.items()}
        decides[f"gold/{name}"] = statement.decides
    return Graph(made_of, decides, _exposures(content), unread)


def _exposures(content: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {
        exposure["name"]: tuple(f"gold/{one.rsplit('.', 1)[-1]}" for one in exposure["depends_on"]["nodes"])
        for exposure in content.get("exposures", {}).values()
    }


def _state(manifest: Path) -> str:
    digest, package = hashlib.sha256(manifest.read_bytes()), Path(__file__).parents[1]
    for part in _DECIDING:
        place = package / part
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(f"\n{file.relative_to(package)} ".encode() + file.read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _graph(manifest: Path, state: str, datasets: tuple[Dataset, ...]) -> Graph:
    kept = manifest.with_name(KEPT)
    if kept.exists() and (content := json.loads(kept.read_bytes()))["state"] == state:
        return graph_of(content)
    graph = made_graph(json.loads(manifest.read_bytes()), datasets)
    new = kept.with_name(f"{KEPT}.{os.getpid()}")
    new.write_text(json.dumps({"state": state, **as_data(graph)}))
    os.replace(new, kept)
    return graph


def as_data(graph: Graph) -> dict[str, Any]:
    """A graph as JSON."""
    return {
        "made_of": [
            [c.table, c.name, [[o.column.table, o.column.name, o.carried, o.by] for o in origins]]
            for c, origins in graph.made_of.items()
        ],
        "decides": {table: [[c.table, c.name] for c in named] for table, named in graph.decides.items()},
        "exposures": graph.exposures,
        "unread": graph.unread,
    }


def graph_of(content: Mapping[str, Any]) -> Graph:
    """The graph that ``as_data`` wrote."""
    made_of = {
        Column(table, name): tuple(Origin(Column(t, n), carried, tuple(by)) for t, n, carried, by in origins)
        for table, name, origins in content["made_of"]
    }
    decides = {table: tuple(Column(*column) for column in named) for table, named in content["decides"].items()}
    exposures = {name: tuple(read) for name, read in content["exposures"].items()}
    return Graph(made_of, decides, exposures, content["unread"])
