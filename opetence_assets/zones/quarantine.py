"""A dataset's quarantine: materializing it asks today's rules again and moves what they accept to silver."""

from collections.abc import Iterable
from typing import Any

import dagster as dg
from pydantic import Field

from opetence_assets.dataset import Dataset
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import open_table
from opetence_assets.privacy.messages import errors_without_values
from opetence_assets.resources import Platform
from opetence_assets.zones.specs import asset_key, group_name, row_metadata, source_link, tags, version_of

JOB = "replay_quarantine"
_SAYS = """\
**Rows that silver refused**, as bronze has them, each with every rule it breaks, the rules' version and its load.
Materializing replays them: what today's rules accept moves to silver, each row once. `opetence quarantine` shows,
mends and discards single rows."""


class Which(dg.Config):
    """Which waiting rows are asked again; nothing set: all."""

    ids: list[str] = Field([], description="numbers of rows, from opetence quarantine show")
    reason: str = Field("", description="only rows whose reason holds this text")


def quarantine_asset(dataset: Dataset) -> dg.AssetsDefinition:
    """The refused rows of one dataset."""
    key = asset_key(dataset, "quarantine")

    @dg.asset(
        key=key,
        deps=[asset_key(dataset, "bronze")],
        group_name=group_name(dataset, "quarantine"),
        description=_SAYS,
        kinds={"polars", "deltalake"},
        owners=[dataset.owner],
        tags={**tags(dataset), "zone": "quarantine"},
        metadata={"declaration": dg.MetadataValue.path(source_link(dataset))},
        pool=f"lake_{'_'.join(asset_key(dataset, 'silver').path)}",  # silver's: one writer for both
    )
    def quarantine(config: Which, platform: Platform) -> dg.MaterializeResult[Any]:
        from opetence_assets.refinement.replay import Choice, replay

        with errors_without_values(dataset.name):
            done = replay(dataset, platform.lake, platform.settings.scratch, Choice(tuple(config.ids), config.reason))
        moved = {"replayed": done.accepted, "overtaken": done.overtaken, "still_refused": done.still_refused}
        metadata = held(dataset, platform.lake) | moved
        return dg.MaterializeResult(metadata=metadata, data_version=version_of(metadata))

    return quarantine


def held(dataset: Dataset, lake: Lake) -> dict[str, Any]:
    """Rows in quarantine by reason, for the asset's page and its plots."""
    from opetence_assets.refinement.replay import refusals

    table = open_table(lake, dataset.table("quarantine"))
    if table is None:
        return {}
    reasons = refusals(dataset, lake)
    told = "\n".join(f"| {row['reason']} | {row['rows']:,} | {row['discarded']:,} |" for row in reasons)
    metadata = {"reasons": dg.MetadataValue.md(f"| reason | rows | given up |\n|---|---|---|\n{told}")}
    return row_metadata(table.rows, f"{lake.uri}/{table.key}", table.version, metadata if reasons else {})


def replay_job(datasets: tuple[Dataset, ...], checks: Iterable[dg.AssetChecksDefinition]) -> Any:
    """Replays every quarantine, or those picked in the launchpad; then silver's checks judge what came of it."""
    keys = [asset_key(dataset, "quarantine") for dataset in datasets]
    judged = dg.AssetSelection.checks(*(key for check in checks for key in check.check_keys))
    selection = dg.AssetSelection.assets(*keys) | judged
    return dg.define_asset_job(JOB, selection, description="Ask today's rules again about every refused row.")
