"""How dbt's models and tests appear among the assets: read from the manifest, so that loading them imports no dbt.

``dagster_dbt`` would do most of it for 2.3 CPU-s of imports in every process, but takes any part of the models as a
run's selection, where a release is all of them or none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import dagster as dg

from opetence_assets.lineage.graph import Graph
from opetence_assets.lineage.policy import declared_personal
from opetence_assets.warehouse.results import NO_PERSONAL_VALUES
from opetence_assets.zones.specs import column_lineage

Node = Mapping[str, Any]
RELEASE = dg.AssetKey(["gold", "release"])
_NONE_SAYS = "No text holds an e-mail, a phone, card or national number, an IBAN or an IP address in the clear."
_RELEASE_SAYS = """\
**What people read.** A release pins one version of every table of every zone. It is swapped in one step, and only after
every check has passed: nobody ever sees half a refresh. `opetence query` reads the newest one, backups copy it, and
going back is pointing at an older one.

Bronze, silver and gold are refreshed by themselves: a dropped file or a changed table starts a run within seconds, and
this asset's automation condition carries it here once no silver table is being refined any more."""


def gold_specs(manifest: Path, columns: Graph) -> tuple[list[dg.AssetSpec], list[dg.AssetCheckSpec]]:
    """An asset a model (``gold / NAME``) and the release they make; a check a data test, beside its model."""
    content = json.loads(manifest.read_bytes())
    nodes: Mapping[str, Node] = content["nodes"]
    models = {name: node for name, node in nodes.items() if node["resource_type"] == "model"}
    specs = [_model_spec(node, nodes, content["sources"], columns) for node in models.values()]
    published = [_key(node) for node in models.values() if node["path"].startswith("gold/")]
    return [*specs, _release_spec(published)], list(_check_specs(nodes))


def exposure_specs(manifest: Path) -> list[dg.AssetSpec]:
    """Who reads gold (``people / NAME``), so that the lineage ends where the numbers are looked at."""
    content = json.loads(manifest.read_bytes())
    return [
        dg.AssetSpec(
            dg.AssetKey(["people", exposure["name"]]),
            deps=[_key(content["nodes"][name]) for name in exposure["depends_on"]["nodes"]],
            group_name="people",
            description=exposure["description"],
            kinds={exposure["type"]},
            owners=[exposure["owner"]["name"]],
            tags={"maturity": exposure["maturity"]},
        )
        for exposure in content["exposures"].values()
    ]


def silver_is_news(silver: list[dg.AssetKey]) -> dg.AutomationCondition[Any]:
    """True once a silver table has a version that was not asked to be released, all are at rest, and all may be.

    Unlike ``eager()`` it is reset by the request, not by the run, and not by a request in whose wake a table changed
    again: what changes while gold is being built, from the versions before, is not forgotten.
    """
    condition = dg.AutomationCondition

    def any_silver(holds: dg.AutomationCondition[Any], label: str) -> dg.AutomationCondition[Any]:
        any_of = reduce(or_, (condition.asset_matches(key, holds) for key in silver))
        return any_of.with_label(label)  # pyright: ignore[reportAttributeAccessIssue] - every built-in one has it

    changed = any_silver(condition.data_version_changed(), "a silver table has a new version")
    asked = (condition.newly_requested() & ~changed) | condition.initial_evaluation()
    busy = any_silver(condition.in_progress(), "a silver table is being refined")
    failing = condition.any_checks_match(condition.check_failed(), blocking_only=True)
    refused = any_silver(failing, "a blocking check of silver failed")
    return changed.since(asked) & ~busy & ~refused & ~condition.in_progress()


def _key(node: Node) -> dg.AssetKey:
    if node["resource_type"] == "source":
        return dg.AssetKey(["silver", node["source_name"], node["name"]])
    return dg.AssetKey(["gold", node["name"]])


def _model_spec(node: Node, nodes: Mapping[str, Node], sources: Mapping[str, Node], columns: Graph) -> dg.AssetSpec:
    parents = [nodes.get(name) or sources[name] for name in node["depends_on"]["nodes"]]
    published = node["path"].startswith("gold/")
    day = node["config"]["meta"].get("day")
    built = (
        f"Built by day: only the days of `{day}` that changed are rebuilt." if day else "Built whole when it changes."
    )
    return dg.AssetSpec(
        _key(node),
        deps=[_key(parent) for parent in parents],
        group_name=f"gold_{node['group']}",
        description=f"{node['description'].strip()}\n\n*{built if published else 'A step between models.'}*",
        kinds={"dbt", "duckdb", "deltalake"} if published else {"dbt", "duckdb"},
        owners=[node["config"]["meta"]["owner"]],
        tags={"zone": "gold", "domain": node["group"], **_personal(node)},
        metadata={
            "dagster/column_schema": _columns(node),
            "dagster/column_lineage": column_lineage(columns, f"gold/{node['name']}"),
            "declaration": dg.MetadataValue.path(f"dbt/{node['original_file_path']}"),
            "sql": dg.MetadataValue.md(f"```sql\n{node['raw_code'].strip()}\n```"),
        },
    )


def _personal(node: Node) -> dict[str, str]:
    classes = {kept for name in node["columns"] if (kept := declared_personal(node, name))}
    return {"personal_data": "yes" if classes else "no", **{f"pii/{kept}": "" for kept in sorted(classes)}}


def _columns(node: Node) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name,
                column["data_type"],
                column["description"],
                dg.TableColumnConstraints(nullable=all(c["type"] != "not_null" for c in column["constraints"])),
                tags={"pii": kept} if (kept := declared_personal(node, name)) else {},
            )
            for name, column in node["columns"].items()
        ]
    )


def _release_spec(published: list[dg.AssetKey]) -> dg.AssetSpec:
    return dg.AssetSpec(
        RELEASE,
        deps=published,
        group_name="release",
        description=_RELEASE_SAYS,
        kinds={"deltalake"},
        owners=["team:data"],
        tags={"zone": "gold", "personal_data": "no"},
    )


def _check_specs(nodes: Mapping[str, Node]) -> Iterator[dg.AssetCheckSpec]:
    for node in nodes.values():
        texts = [column for column in node.get("columns", {}).values() if column["data_type"] == "varchar"]
        if node["resource_type"] == "model" and node["path"].startswith("gold/") and texts:
            yield dg.AssetCheckSpec(NO_PERSONAL_VALUES, asset=_key(node), description=_NONE_SAYS, blocking=True)
        if node["resource_type"] == "test":
            model = node["attached_node"] or node["depends_on"]["nodes"][0]
            yield dg.AssetCheckSpec(
                node["name"],
                asset=_key(nodes[model]),
                description=node["description"] or None,
                blocking=node["config"]["severity"].lower() == "error",
            )
