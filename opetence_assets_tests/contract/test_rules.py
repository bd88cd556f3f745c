"""The compiled rules give Pandera's own verdicts, value by value."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pandera.errors import SchemaErrors

from opetence_assets.contract.rules import field_rules, schema_rules
from opetence_assets_tests.shop import sales

CASES: dict[str, tuple[Any, pa.Column, st.SearchStrategy[Any]]] = {
    "greater_than": (pl.Int64, pa.Column(pl.Int64, pa.Check.gt(3)), st.integers(0, 6)),
    "greater_or_equal": (pl.Int64, pa.Column(pl.Int64, pa.Check.ge(3)), st.integers(0, 6)),
    "less_than": (pl.Int64, pa.Column(pl.Int64, pa.Check.lt(3)), st.integers(0, 6)),
    "less_or_equal": (pl.Int64, pa.Column(pl.Int64, pa.Check.le(3)), st.integers(0, 6)),
    "in_range": (pl.Int64, pa.Column(pl.Int64, pa.Check.in_range(2, 4, include_max=False)), st.integers(0, 6)),
    "equal": (pl.Int64, pa.Column(pl.Int64, pa.Check.eq(3)), st.integers(2, 4)),
    "not_equal": (pl.Int64, pa.Column(pl.Int64, pa.Check.ne(3)), st.integers(2, 4)),
    "isin": (pl.String, pa.Column(pl.String, pa.Check.isin(["a", "b"])), st.sampled_from("abc")),
    "notin": (pl.String, pa.Column(pl.String, pa.Check.notin(["a", "b"])), st.sampled_from("abc")),
    "matches": (pl.String, pa.Column(pl.String, pa.Check.str_matches(r"a+$")), st.text("ab\n", max_size=4)),
    "contains": (pl.String, pa.Column(pl.String, pa.Check.str_contains("b")), st.text("ab", max_size=4)),
    "startswith": (pl.String, pa.Column(pl.String, pa.Check.str_startswith("b")), st.text("ab", max_size=4)),
    "endswith": (pl.String, pa.Column(pl.String, pa.Check.str_endswith("b")), st.text("ab", max_size=4)),
    "length": (pl.String, pa.Column(pl.String, pa.Check.str_length(1, 2)), st.text("aé", max_size=4)),
    "not_null": (pl.Int64, pa.Column(pl.Int64), st.integers(0, 3)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("nullable", [True, False])
@hypothesis_settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_verdicts_are_panderas(case: str, nullable: bool, data: st.DataObject) -> None:
    dtype, declared, values = CASES[case]
    column = pa.Column(declared.dtype, declared.checks, nullable=nullable)
    rows = data.draw(st.lists(st.none() | values, min_size=1, max_size=12))
    frame = pl.DataFrame({"value": rows}, {"value": dtype})

    class Model:
        @staticmethod
        def to_schema() -> pa.DataFrameSchema:
            return pa.DataFrameSchema({"value": column})

    rules = field_rules(replace(sales, schema=Model), "value")  # pyright: ignore[reportArgumentType]
    ours = frame.select(pl.all_horizontal(pl.lit(True), *(rule.valid for rule in rules)))
    verdicts = ours.to_series().to_list() if ours.height == len(rows) else [True] * len(rows)

    assert [not verdict for verdict in verdicts] == refused_by_pandera(Model.to_schema(), frame)


def refused_by_pandera(schema: pa.DataFrameSchema, frame: pl.DataFrame) -> list[bool]:
    """Row by row, so that nothing depends on how Pandera reports which rows failed."""

    def refused(row: pl.DataFrame) -> bool:
        try:
            schema.validate(row, lazy=True)
        except SchemaErrors:
            return True
        return False

    return [refused(frame.slice(number, 1)) for number in range(len(frame))]


def test_a_check_without_expression_is_judged_by_pandera_and_says_so() -> None:
    def even(data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key) % 2 == 0)

    schema = pa.DataFrameSchema({"value": pa.Column(pl.Int64, pa.Check(even, name="odd"))})
    null, judged = schema_rules(schema, "value", "shop/sales")

    assert (null.by_pandera, judged.by_pandera) == (False, True)
    assert "% 2" in judged.text
    assert pl.DataFrame({"value": [1, 2, None]}).select(judged.valid).to_series().to_list() == [False, True, True]


@pytest.mark.parametrize(
    ("check", "says"),
    [
        (pa.Check.str_matches(r"(?=a)b"), "not one of Polars"),
        (pa.Check.str_contains(re.compile("a", re.IGNORECASE)), "drops the flags"),
    ],
)
def test_a_pattern_that_would_mean_something_else_is_refused_by_name(check: pa.Check, says: str) -> None:
    schema = pa.DataFrameSchema({"value": pa.Column(pl.String, check)})

    with pytest.raises(ValueError, match=rf"shop/sales.value: .*{says}"):
        schema_rules(schema, "value", "shop/sales")
