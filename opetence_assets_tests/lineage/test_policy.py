"""Personal columns go no other way than declared: over all declarations and models, and over seeded leaks."""

from __future__ import annotations

import pytest

from opetence_assets.dataset import DataError, Dataset
from opetence_assets.datasets import all_datasets
from opetence_assets.lineage.graph import Column, Graph
from opetence_assets.lineage.policy import Personal, dataset_leaks, gold_leaks, refuse_leaks
from opetence_assets.privacy.treatment import treated_columns
from opetence_assets_tests.lineage.leaks import HARMLESS, LEAKS, false_alarms, missed
from opetence_assets_tests.lineage.project import content


@pytest.mark.parametrize("dataset", all_datasets(), ids=lambda dataset: dataset.name)
def test_no_personal_column_reaches_silver_untreated(dataset: Dataset, graph: Graph) -> None:
    assert dataset_leaks(dataset, graph) == ()


def test_no_personal_column_reaches_gold_undeclared(graph: Graph) -> None:
    assert graph.unread == {}
    assert gold_leaks(content(), graph, all_datasets()) == ()


def test_every_treated_column_is_followed(graph: Graph) -> None:
    personal = Personal(graph, all_datasets())

    for column in personal.treated:
        assert column in graph.made_of
    assert len(personal.treated) == sum(bool(t.name) for d in all_datasets() for t in treated_columns(d))
    (way,) = personal.ways(Column("gold/dim_users", "birth_decade"))
    assert way[0] == Column("silver/user_service/users", "birth_year")


def test_seeded_leaks_are_found_before_anything_is_published() -> None:
    assert len(LEAKS) >= 50
    assert missed() == []


def test_what_is_harmless_passes() -> None:
    assert len(HARMLESS) >= 10
    assert false_alarms() == []


def test_a_leak_is_told_with_its_way_and_the_next_command(graph: Graph) -> None:
    changed = content()["nodes"]["model.opetence.dim_users"]
    undeclared = {**changed, "columns": {name: {**c, "config": {}} for name, c in changed["columns"].items()}}
    leaks = gold_leaks({**content(), "nodes": {"dim_users": undeclared}}, graph, all_datasets())

    with pytest.raises(DataError) as refused:
        refuse_leaks("gold", leaks)
    told = str(refused.value)
    assert "silver/user_service/users.birth_year → gold/dim_users.birth_decade" in told
    assert "config: {meta: {personal: year}}" in told
    assert "Next: edit dbt/models/gold/users/dim_users.yml" in told
