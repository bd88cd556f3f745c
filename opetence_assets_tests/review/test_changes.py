"""Every labelled change is told as a reviewer would, and what only looks like one is none."""

from __future__ import annotations

import pytest

from opetence_assets.datasets import all_datasets
from opetence_assets.review.bounds import changed_checks
from opetence_assets.review.declared import described_dataset
from opetence_assets.review.description import encoded
from opetence_assets.review.kinds import FOLLOWS, KINDS
from opetence_assets.review.widths import type_way
from opetence_assets_tests.review.cases import CASES, LOOK_ALIKES
from opetence_assets_tests.review.changes import precision, recall, verdicts


def test_labelled_changes_are_told_as_labelled() -> None:
    told = verdicts()

    assert len(CASES) >= 60
    assert precision(told) >= 0.95
    assert recall(told) >= 0.95
    assert [one.case.name for one in told if one.case in LOOK_ALIKES and one.found != {"is nothing"}] == []


def test_every_kind_says_what_follows() -> None:
    assert {kind.follows for kind in KINDS.values()} - {""} <= set(FOLLOWS)


@pytest.mark.parametrize("dataset", all_datasets(), ids=lambda dataset: dataset.name)
def test_a_declaration_is_described_whole_and_the_same_each_time(dataset) -> None:
    described = described_dataset(dataset)

    assert encoded(described) == encoded(described_dataset(dataset))
    assert set(described["columns"]) == set(dataset.schema.to_schema().columns)
    assert set(described["tidy"]["makes"]) <= set(described["table"])


@pytest.mark.parametrize(
    ("before", "after", "ways"),
    [
        ({"greater_than": {"min_value": 0}}, {"greater_than_or_equal_to": {"min_value": 0}}, ["loosened"]),
        ({"less_than": {"max_value": 9}}, {"less_than_or_equal_to": {"max_value": 8}}, ["tightened"]),
        ({"str_length": {"max_value": 9}}, {"str_length": {"max_value": 5}}, ["tightened"]),
        ({"str_length": {"exact_value": 9}}, {"str_length": {"min_value": 9, "max_value": 9}}, []),
        ({"notin": {"forbidden_values": ["a"]}}, {"notin": {"forbidden_values": ["a", "b"]}}, ["tightened"]),
        ({"greater_than": {"min_value": "2020-01-01"}}, {"greater_than": {"min_value": "1900-01-01"}}, ["loosened"]),
        ({"greater_than": {"min_value": 9}}, {"greater_than": {"min_value": 10}}, ["tightened"]),
        ({"isin": {"allowed_values": ["a"]}}, {"equal_to": {"value": "a"}}, ["added", "removed"]),
    ],
)
def test_which_way_a_check_went(before, after, ways) -> None:
    assert [way for way, _, _ in changed_checks(before, after)] == ways


@pytest.mark.parametrize(
    ("before", "after", "way"),
    [
        ("Int32", "Int64", "widened"),
        ("UInt32", "Int64", "widened"),
        ("Int32", "UInt64", "retyped"),
        ("Decimal(precision=12, scale=2)", "Decimal(precision=12, scale=3)", "narrowed"),
        ("decimal(12,2)", "decimal(13,3)", "widened"),
        ("bigint", "varchar", "retyped"),
        ("Float64", "Float32", "narrowed"),
    ],
)
def test_which_way_a_type_went(before: str, after: str, way: str) -> None:
    assert type_way(before, after) == way
