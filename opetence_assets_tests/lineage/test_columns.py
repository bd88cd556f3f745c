"""Where every column comes from, of the whole project; and the graph that is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from opetence_assets.datasets import all_datasets, dataset_named
from opetence_assets.lineage import columns
from opetence_assets.lineage.columns import KEPT, column_graph
from opetence_assets.lineage.graph import Column, Graph, Origin, impact, upstream
from opetence_assets.lineage.silver import landed_name, refined_from
from opetence_assets.privacy.treatment import declared_columns
from opetence_assets.refinement.shape import table_types
from opetence_assets_tests.datasets.samples import snake_case
from opetence_assets_tests.lineage.project import content


def test_every_column_of_every_zone_is_in_the_graph_and_comes_from_one_that_is(graph: Graph) -> None:
    for dataset in all_datasets():
        assert {c.name for c in graph.columns_of(dataset.table("silver"))} == set(table_types(dataset))
    for node in content()["nodes"].values():
        assert [c.name for c in graph.columns_of(f"gold/{node['name']}")] == list(node["columns"]), node["name"]
    loads = {"_loaded_at", "_cursor", "_version"}  # what a load and a commit add
    for column, origins in graph.made_of.items():
        for origin in origins:
            known = origin.column in graph.made_of or origin.column.table.startswith("source/")
            assert known or origin.column.name in loads, f"{column} from {origin.column}"


def test_bronze_names_columns_as_dlt_does() -> None:
    for dataset in all_datasets():
        for name in declared_columns(dataset):
            assert landed_name(name) == snake_case(name)


def test_tidy_tells_what_it_makes_of_what() -> None:
    made = refined_from(dataset_named("partners/online_retail"))
    users = refined_from(dataset_named("user_service/users"))

    assert [origin.column.name for origin in made["invoiced_on"]] == ["invoice_date"]
    assert [origin.column.name for origin in users["valid_to"]] == ["updated_at"]
    assert users["email_hash"] == (Origin(Column("bronze/user_service/users", "email_hash")),)


def test_a_mart_is_traced_to_its_source(graph: Graph) -> None:
    found = upstream(graph, Column("gold/dim_users", "birth_decade"))

    assert Column("source/user_service/users", "birth_date") in found
    assert {column.table for column in found} == {
        f"{zone}/user_service/users" for zone in ("source", "bronze", "silver")
    }
    revenue = upstream(graph, Column("gold/marketing_roi", "revenue"))
    assert Column("source/order_service/orders", "total") in revenue


def test_an_impact_tells_values_readers_and_rows_apart(graph: Graph) -> None:
    granted = impact(graph, [Column("source/user_service/consents", "granted")])

    assert Column("gold/fct_orders", "user_id") in granted.columns  # whom it lets be named
    assert Column("gold/fct_orders", "total") not in granted.columns
    assert "gold/dim_users" in granted.readers  # joins by it
    assert "gold/user_segments" not in granted.readers
    assert "gold/user_segments" in granted.tables  # counts those users
    assert impact(graph, [Column("gold/user_segments", "revenue")]).tables == ()


def test_an_exposure_is_reached(graph: Graph) -> None:
    told = Graph(graph.made_of, graph.decides, {"board": ("gold/user_segments",), "other": ("gold/dim_dates",)})

    assert impact(told, [Column("silver/user_service/users", "segment")]).exposures == ("board",)


def test_the_graph_is_kept_until_something_changes(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps(content()))
    assert column_graph(manifest, all_datasets()) == graph
    columns._graph.cache_clear()

    with monkeypatch.context() as patched:
        patched.setattr(columns, "made_graph", None)
        assert column_graph(manifest, all_datasets()) == graph
        manifest.write_text(json.dumps({**content(), "exposures": {}, "changed": True}))
        with pytest.raises(TypeError):
            column_graph(manifest, all_datasets())
    (tmp_path / KEPT).unlink()
    assert column_graph(manifest, all_datasets()) == graph
