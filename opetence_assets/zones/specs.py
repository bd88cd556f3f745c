"""What every asset shows: its key, group, owner, kinds, tags, columns and where they come from."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import dagster as dg

from opetence_assets.dataset import Dataset
from opetence_assets.lineage.graph import Graph
from opetence_assets.privacy.treatment import treated_columns
from opetence_assets.refinement.shape import table_key, table_types


def asset_key(dataset: Dataset, zone: str) -> dg.AssetKey:
    """``bronze / order_service / orders``: the lake key, as a path."""
    return dg.AssetKey(dataset.table(zone).split("/"))


def group_name(dataset: Dataset, zone: str) -> str:
    """Zone and system, so that the graph folds by both; short enough for a folded group to show it whole."""
    return f"{zone}_{dataset.feed.system.removesuffix('_service')}"


def description(dataset: Dataset) -> str:
    """The docstring of the declaration's module: prose has one home."""
    return inspect.getdoc(inspect.getmodule(dataset.schema)) or dataset.name


def tags(dataset: Dataset) -> dict[str, str]:
    """Whether personal data is in it, and which classes."""
    classes = sorted({treated.pii.value for treated in treated_columns(dataset)})
    personal = (
        {"personal_data": "yes", **{f"pii/{name}": "" for name in classes}} if classes else {"personal_data": "no"}
    )
    return {**personal, "system": dataset.feed.system}


def source_link(dataset: Dataset) -> str:
    """The file of the declaration, from the repository's root."""
    return f"opetence_assets/datasets/{dataset.name}.py"


def silver_columns(dataset: Dataset) -> dg.TableSchema:
    """Silver's columns with their types, treatment and rules."""
    treated = {t.name: t for t in treated_columns(dataset) if t.name}
    key = table_key(dataset)
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name,
                str(dtype),
                description=f"{treated[name].pii.value} of {treated[name].source}" if name in treated else None,
                tags={"pii": treated[name].pii.value} if name in treated else {},
                constraints=dg.TableColumnConstraints(nullable=_nullable(dataset, name), unique=[name] == list(key)),
            )
            for name, dtype in table_types(dataset).items()
        ]
    )


def bronze_columns(dataset: Dataset) -> dg.TableSchema:
    """The source's columns as they land: personal ones by their treatment."""
    treated = {t.source: t for t in treated_columns(dataset)}
    names = getattr(dataset.feed, "columns", None) or tuple(dataset.schema.to_schema().columns)
    kept = [(treated[n].name, treated[n].pii.value) if n in treated else (n, None) for n in names]
    columns = [dg.TableColumn(name, tags={"pii": pii} if pii else {}) for name, pii in kept if name]
    return dg.TableSchema(columns=columns)


def column_lineage(columns: Graph, table: str) -> dg.TableColumnLineage:
    """What each column of a table is made from, as far as it is made from columns."""
    return dg.TableColumnLineage(
        {
            column.name: [dg.TableColumnDep(dg.AssetKey(one.table.split("/")), one.name) for one in origins]
            for column in columns.columns_of(table)
            if (origins := sorted({origin.column for origin in columns.made_of[column]}))
        }
    )


def freshness_policy(dataset: Dataset) -> dg.FreshnessPolicy | None:
    """As declared; none for a feed that has ended, whose alarm lies further off than the UI can count (68 years)."""
    declared = dataset.freshness
    if declared.alarm_after > timedelta(seconds=2**31 - 1):
        return None
    return dg.FreshnessPolicy.time_window(fail_window=declared.alarm_after, warn_window=declared.every)


def row_metadata(rows: int, uri: str, version: int, more: Mapping[str, Any]) -> dict[str, Any]:
    """What a materialization records; Dagster plots every number of it over time."""
    return {"dagster/row_count": rows, "dagster/uri": uri, "lake_version": version, **more}


def version_of(metadata: Mapping[str, Any]) -> dg.DataVersion | None:
    """The table's version in the lake: an unchanged one tells everything downstream that there is nothing to do."""
    version = metadata.get("lake_version")
    return None if version is None else dg.DataVersion(str(version))


def _nullable(dataset: Dataset, name: str) -> bool:
    column = dataset.schema.to_schema().columns.get(name)
    return column.nullable if column is not None else True
