"""A dataset's source and bronze assets."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import dagster as dg
from pydantic import Field

from opetence_assets.dataset import Dataset, Window
from opetence_assets.lake.tables import open_table
from opetence_assets.lineage.graph import Graph
from opetence_assets.lineage.policy import dataset_leaks, refuse_leaks
from opetence_assets.privacy.messages import errors_without_values
from opetence_assets.resources import Platform
from opetence_assets.zones.specs import (
    asset_key,
    bronze_columns,
    column_lineage,
    description,
    freshness_policy,
    group_name,
    row_metadata,
    source_link,
    tags,
    version_of,
)


class Reload(dg.Config):
    """What to read again; nothing set reads what is new since the last load."""

    window_from: str | None = Field(None, description="first UTC day to read again, YYYY-MM-DD")
    window_to: str | None = Field(None, description="day after the last one to read again, YYYY-MM-DD")
    full: bool = Field(False, description="bronze: read the whole source again; silver: make it anew from bronze")

    def window(self) -> Window | None:
        if not self.window_from:
            return None
        start = datetime.fromisoformat(self.window_from).replace(tzinfo=UTC)
        end = (
            datetime.fromisoformat(self.window_to).replace(tzinfo=UTC) if self.window_to else start + timedelta(days=1)
        )
        return Window(start, end)


def source_spec(dataset: Dataset) -> dg.AssetSpec:
    """The table or folder outside the platform, so that the lineage starts where the data does."""
    return dg.AssetSpec(
        dg.AssetKey(["source", dataset.feed.system, dataset.feed.name]),
        description=f"{dataset.feed.name} in {dataset.feed.system}: read only, never written.",
        group_name=group_name(dataset, "source"),
        kinds={dataset.feed.kind, "source"},
        owners=[dataset.owner],
        deps=[spec.key for spec in sync_specs(dataset)],
    )


def sync_specs(dataset: Dataset) -> list[dg.AssetSpec]:
    """What brings the rows to the source, where that is somebody else's sync; the lineage starts there.

    Made here and not by dagster-airbyte's or dagster-fivetran's translators: those describe what an account's API says,
    and there is no account to ask.
    """
    said = getattr(dataset.feed, "sync_said", None)
    if said is None:
        return []
    return [
        dg.AssetSpec(
            dg.AssetKey(["sync", dataset.feed.system, dataset.feed.name]),
            description=f"{said}: scheduled and run outside the platform."
            if dataset.feed.kind == "fivetran"
            else f"{said}: run by the load.",
            group_name=group_name(dataset, "source"),
            kinds={dataset.feed.kind},
            owners=[dataset.owner],
        )
    ]


def partitions(dataset: Dataset) -> dg.DailyPartitionsDefinition | None:
    """A partition a day for feeds that arrive by the day; entity tables advance by watermark."""
    if dataset.feed.since is None:
        return None
    return dg.DailyPartitionsDefinition(start_date=dataset.feed.since.isoformat(), timezone="UTC", end_offset=1)


def bronze_asset(dataset: Dataset, columns: Graph) -> dg.AssetsDefinition:
    """Loads what is new at the source in one commit; a partition or a window reads that span again."""
    days = partitions(dataset)
    key = asset_key(dataset, "bronze")

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(["source", dataset.feed.system, dataset.feed.name])],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run() if days else None,
        group_name=group_name(dataset, "bronze"),
        description=f"{description(dataset)}\n\nAs received, append only; personal columns sealed before they land.",
        kinds={"dlt", "deltalake", dataset.feed.kind},
        owners=[dataset.owner],
        tags={**tags(dataset), "zone": "bronze"},
        metadata={
            "dagster/column_schema": bronze_columns(dataset),
            "dagster/column_lineage": column_lineage(columns, dataset.table("bronze")),
            "declaration": dg.MetadataValue.path(source_link(dataset)),
        },
        pool=f"lake_{'_'.join(key.path)}",
        freshness_policy=freshness_policy(dataset),
    )
    def bronze(context: dg.AssetExecutionContext, config: Reload, platform: Platform) -> dg.MaterializeResult[Any]:
        from opetence_assets.ingestion.bronze import Request, load

        refuse_leaks(dataset.name, dataset_leaks(dataset, columns))
        window = _days(context) if context.has_partition_key_range else config.window()
        with errors_without_values(dataset.name):
            done = load(dataset, platform.lake, platform.settings, Request(window=window, full=config.full))
        table = open_table(platform.lake, done.key, done.version)
        assert table is not None
        more = {"rows_added": done.rows, "rows_read": done.source_rows, "rows_deleted": done.deleted}
        uri = f"{platform.lake.uri}/{done.key}"
        metadata = {**row_metadata(table.rows, uri, done.version, more), "refused": list(done.refused), **done.lag}
        return dg.MaterializeResult(metadata=metadata, data_version=version_of(metadata))

    return bronze


def _days(context: dg.AssetExecutionContext) -> Window:
    first, last = context.partition_time_window.start.date(), context.partition_time_window.end.date()
    return Window(datetime.combine(first, time(), UTC), datetime.combine(last, time(), UTC))
