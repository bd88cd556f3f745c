"""How dbt's models appear among the assets: keys, groups, owners and automation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject

PREFIX = "silver_"  # a dbt source's schema is `silver_<system>`


class GoldTranslator(DagsterDbtTranslator):
    """Models are ``gold / NAME``; sources are the silver assets."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_asset_checks=True, enable_source_tests_as_checks=False))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey(
                ["silver", dbt_resource_props["schema"].removeprefix(PREFIX), dbt_resource_props["name"]]
            )
        return dg.AssetKey(["gold", dbt_resource_props["name"]])

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        props = self.get_resource_props(manifest, unique_id)
        if props["resource_type"] != "model":
            return spec
        domain = props["fqn"][-2]
        return spec.replace_attributes(
            group_name=f"gold_{domain}",
            kinds={"dbt", "duckdb", "deltalake"},
            automation_condition=dg.AutomationCondition.eager()
            & dg.AutomationCondition.all_deps_blocking_checks_passed(),
            tags={"zone": "gold", "domain": domain, "personal_data": "no"},
            description=props["description"],
        )
