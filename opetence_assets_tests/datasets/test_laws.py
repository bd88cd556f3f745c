"""Laws that every declaration keeps, by existing."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pandera.polars as pa
import polars as pl
import pytest

from opetence_assets import datasets
from opetence_assets.contract.severity import unknown_grades
from opetence_assets.dataset import Dataset, Grade, Pii, pii_of
from opetence_assets.datasets import all_datasets
from opetence_assets.lineage.policy import sounds_personal
from opetence_assets.privacy.treatment import treated_columns
from opetence_assets.refinement.shape import declared_types, rules_of, silver_types, table_types
from opetence_assets_tests.datasets.samples import landed, refined, source_types

FOLDER = Path(datasets.__file__).parent
every_dataset = pytest.mark.parametrize("dataset", all_datasets(), ids=lambda dataset: dataset.name)


def test_a_file_is_registered_by_existing() -> None:
    files = {f"{file.parent.name}/{file.stem}" for file in FOLDER.glob("*/*.py") if file.name != "__init__.py"}

    assert {dataset.name for dataset in all_datasets()} == files


@every_dataset
def test_fits_one_screen_and_says_what_a_row_is(dataset: Dataset) -> None:
    module = inspect.getmodule(dataset.schema)
    source = inspect.getsource(module)  # type: ignore[arg-type]

    assert len(source.splitlines()) <= 65
    assert ast.get_docstring(ast.parse(source))


@every_dataset
def test_key_cursor_and_month_are_columns_of_silver(dataset: Dataset) -> None:
    columns = silver_types(dataset)

    assert set(dataset.key) <= set(columns)
    assert dataset.cursor is None or dataset.cursor in columns
    assert dataset.partition_by is None or dataset.partition_by.column in columns
    assert not dataset.history or dataset.cursor


@every_dataset
def test_personal_columns_have_a_person(dataset: Dataset) -> None:
    treated = treated_columns(dataset)

    assert not treated or dataset.subject, "personal columns are sealed under a person's key: declare whose"
    assert dataset.subject is None or dataset.subject.column in dataset.schema.to_schema().columns


@every_dataset
def test_nothing_that_sounds_personal_is_undeclared(dataset: Dataset) -> None:
    columns = dataset.schema.to_schema().columns
    sounds = [name for name in columns if sounds_personal(name)]

    assert [name for name in sounds if pii_of(columns[name]) is None] == []


@every_dataset
def test_no_original_of_a_personal_column_reaches_bronze_or_silver(dataset: Dataset) -> None:
    originals = {t.source for t in treated_columns(dataset)}

    assert originals.isdisjoint(landed(dataset, [{}]).columns)
    assert originals.isdisjoint(table_types(dataset))
    redacted = {t.source for t in treated_columns(dataset) if t.pii is Pii.REDACT}
    assert redacted.isdisjoint(source_types(dataset)), "redacted columns are never selected"


@every_dataset
def test_a_typical_row_reaches_silver(dataset: Dataset) -> None:
    assert len(refined(dataset, [{}])) == 1


@every_dataset
def test_silver_rows_satisfy_the_pandera_schema(dataset: Dataset) -> None:
    schema = dataset.schema.to_schema()
    originals = [t.source for t in treated_columns(dataset)]
    kept = pa.DataFrameSchema({name: column for name, column in schema.columns.items() if name not in originals})

    kept.validate(refined(dataset, [{}]), lazy=True)


@every_dataset
def test_tidy_keeps_every_row_and_where_it_came_from(dataset: Dataset) -> None:
    raw = landed(dataset, [{}, {}, {}])
    tidied = dataset.tidy(raw.lazy()).collect()

    assert len(tidied) == 3
    assert {name for name in raw.columns if name.startswith("_")} <= set(tidied.columns)


@every_dataset
def test_a_row_of_nulls_is_refused_with_reasons_or_valid_by_declaration(dataset: Dataset) -> None:
    from opetence_assets.refinement.judgement import judge

    raw = landed(dataset, [{}])
    said = [name for name in raw.columns if not name.startswith("_") or name == "_cursor"]
    values = [name for name in said if not name.endswith("_valid")]
    nothing = raw.with_columns(pl.lit(None, raw.schema[name]).alias(name) for name in values)
    verdict = judge(dataset, dataset.tidy(nothing.lazy()).collect())
    must_be = [n for n, c in dataset.schema.to_schema().columns.items() if not c.nullable and pii_of(c) is None]

    assert len(verdict.refused) == 1
    reasons = verdict.refused["reasons"][0].to_list()
    assert {f"{name}: null" for name in must_be} <= set(reasons)


@every_dataset
def test_every_rule_and_owner_is_named(dataset: Dataset) -> None:
    assert len({rule.name for rule in rules_of(dataset)}) == len(rules_of(dataset))
    assert dataset.owner.startswith("team:")
    assert declared_types(dataset)


def test_a_system_that_cannot_be_imported_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "__init__.py").write_text("import no_such_library")
    monkeypatch.setattr(datasets, "__path__", [*datasets.__path__, str(tmp_path)])

    with pytest.raises(ImportError, match="no_such_library"):
        all_datasets.__wrapped__()


@every_dataset
def test_every_grade_is_of_a_rule_and_leaves_room_to_breathe(dataset: Dataset) -> None:
    assert unknown_grades(dataset, rules_of(dataset)) == []
    assert all(0 <= grade.up_to <= 1 for grade in dataset.grades.values())


def test_a_grade_of_no_rule_is_refused_where_rules_are_compiled() -> None:
    from dataclasses import replace

    declared = all_datasets()[0]

    with pytest.raises(ValueError, match=r"grades name no rule: \['no such rule'\]"):
        rules_of(replace(declared, grades={"no such rule": Grade()}))
