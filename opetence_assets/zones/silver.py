"""A dataset's silver asset."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from opetence_assets.dataset import Dataset
from opetence_assets.lake.tables import Table, open_table
from opetence_assets.lineage.graph import Graph
from opetence_assets.lineage.policy import dataset_leaks, refuse_leaks
from opetence_assets.privacy.messages import errors_without_values
from opetence_assets.resources import Platform
from opetence_assets.zones.bronze import Reload
from opetence_assets.zones.quarantine import held
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

if TYPE_CHECKING:
    from opetence_assets.contract.severity import PassRefused

WITHIN_GRADES = "within_grades"


def silver_asset(dataset: Dataset, columns: Graph) -> dg.AssetsDefinition:
    """Refines the bronze rows not yet consumed; a window in the config refines that span again, ``full`` makes silver
    and quarantine anew from all of bronze."""
    key = asset_key(dataset, "silver")
    graded = dg.AssetCheckSpec(
        WITHIN_GRADES,
        asset=key,
        blocking=True,
        description="No rule is broken by more rows of a pass than it tolerates.",
    )

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
        check_specs=[graded] if dataset.grades else [],
    )
    def silver(
        context: dg.AssetExecutionContext, config: Reload, platform: Platform
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[Any]]:
        from opetence_assets.contract.severity import PassRefused
        from opetence_assets.refinement.remake import remake
        from opetence_assets.refinement.silver import refine
        from opetence_assets.review.making import note_making

        refuse_leaks(dataset.name, dataset_leaks(dataset, columns))
        lake, scratch = platform.lake, platform.settings.scratch
        try:
            with errors_without_values(dataset.name):
                done = (
                    remake(dataset, lake, scratch) if config.full else refine(dataset, lake, scratch, config.window())
                )
                note_making(lake, dataset, anew=config.full)
        except PassRefused as refusal:
            yield _refused(key, refusal)  # then raised: a failed check alone would still record a materialization
            raise
        if done.quarantined or config.full:
            refused = asset_key(dataset, "quarantine")
            context.log_event(dg.AssetMaterialization(refused, metadata=held(dataset, platform.lake)))
        table = open_table(platform.lake, dataset.table("silver"), done.version)
        assert table is not None
        uri = f"{platform.lake.uri}/{table.key}"
        figures = _figures(context.run.run_id, dataset, platform, table)
        metadata = row_metadata(table.rows, uri, table.version, {**done.counts(), **figures})
        yield dg.MaterializeResult(metadata=metadata, data_version=version_of(metadata))
        if dataset.grades:
            yield dg.AssetCheckResult(passed=True, check_name=WITHIN_GRADES, asset_key=key)

    return silver


def _figures(run_id: str, dataset: Dataset, platform: Platform, silver: Table) -> dict[str, float]:
    """What is measured of the version, ``quality/METRIC``, so that the UI plots it.

    In every materialization, also where nothing is new: the UI draws a line between neighbours that both have a figure.
    For the same reason it is no observation of the check's: one between two materializations breaks all their lines.
    """
    from opetence_assets.quality.measuring import measure, run_of, standing

    now = platform.settings.now()
    with errors_without_values(dataset.name):
        found = measure(dataset, platform.lake, silver, now=now, run=run_of(run_id, platform.settings))
        found = found or standing(dataset, platform.lake, silver, now)
    return {f"quality/{name}": value for name, value in found.items()}


def _refused(key: dg.AssetKey, refusal: "PassRefused") -> dg.AssetCheckResult:
    found = "; ".join(map(str, refusal.excesses))
    return dg.AssetCheckResult(
        passed=False,
        check_name=WITHIN_GRADES,
        asset_key=key,
        severity=dg.AssetCheckSeverity.ERROR,
        description=found,
        metadata={
            "found": found,
            "rows": refusal.rows,
            **{f"found: {excess.rule}": excess.found for excess in refusal.excesses},
            **{f"allowed: {excess.rule}": excess.allowed for excess in refusal.excesses},
        },
    )
