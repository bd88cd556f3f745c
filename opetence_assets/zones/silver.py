"""A dataset's silver asset."""

from typing import Any

import dagster as dg

from opetence_assets.dataset import Dataset
from opetence_assets.lake.tables import open_table
from opetence_assets.lineage.graph import Graph
from opetence_assets.lineage.policy import dataset_leaks, refuse_leaks
from opetence_assets.resources import Platform
from opetence_assets.zones.bronze import Reload
from opetence_assets.zones.specs import (
    asset_key,
    column_lineage,
    description,
    freshness_policy,
    group_name,
    row_metadata,
    silver_columns,
    source_link,
    tags,
    version_of,
)


def silver_asset(dataset: Dataset, columns: Graph) -> dg.AssetsDefinition:
    """Refines the bronze rows not yet consumed; a window in the config refines that span again."""
    key = asset_key(dataset, "silver")

    @dg.asset(
        key=key,
        deps=[asset_key(dataset, "bronze")],
        group_name=group_name(dataset, "silver"),
        description=f"{description(dataset)}\n\nTyped, one row a key, de-identified; refused rows are in quarantine.",
        kinds={"polars", "deltalake", "pandera"},
        owners=[dataset.owner],
        tags={**tags(dataset), "zone": "silver"},
        metadata={
            "dagster/column_schema": silver_columns(dataset),
            "dagster/column_lineage": column_lineage(columns, dataset.table("silver")),
            "declaration": dg.MetadataValue.path(source_link(dataset)),
        },
        pool=f"lake_{'_'.join(key.path)}",
        automation_condition=dg.AutomationCondition.eager(),
        freshness_policy=freshness_policy(dataset),
    )
    def silver(config: Reload, platform: Platform) -> dg.MaterializeResult[Any]:
        from opetence_assets.refinement.silver import refine

        refuse_leaks(dataset.name, dataset_leaks(dataset, columns))
        done = refine(dataset, platform.lake, platform.settings.scratch, config.window())
        table = open_table(platform.lake, dataset.table("silver"), done.version)
        assert table is not None
        uri = f"{platform.lake.uri}/{table.key}"
        metadata = row_metadata(table.rows, uri, table.version, done.counts())
        return dg.MaterializeResult(metadata=metadata, data_version=version_of(metadata))

    return silver
