"""A foreign key is asked of every row that has one, and counted exactly."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from opetence_assets.contract.references import Resolved, resolved
from opetence_assets.dataset import Reference

pairs = st.lists(st.tuples(st.none() | st.integers(0, 3), st.none() | st.sampled_from("ab")), max_size=10)


@hypothesis_settings(max_examples=40, deadline=None)
@given(pairs, pairs)
def test_rows_without_counterpart_are_counted(here: list[tuple[int, str]], there: list[tuple[int, str]]) -> None:
    rows = pl.LazyFrame(here, {"a": pl.Int64, "b": pl.String}, orient="row")
    held = pl.LazyFrame(there, {"x": pl.Int64, "y": pl.String}, orient="row")
    asked = [pair for pair in here if None not in pair]

    found = resolved(rows, Reference("other/table", ("a", "b"), of=("x", "y")), held)

    assert found == Resolved(len(asked), sum(pair not in there for pair in asked))


def test_only_the_rows_that_are_meant_are_asked() -> None:
    rows = pl.LazyFrame({"id": [1, 2, 3], "kind": ["x", "y", "y"]})
    reference = Reference("other/table", ("id",), where=pl.col("kind") == "y", missing_at_most=0.5)

    found = resolved(rows, reference, pl.LazyFrame({"id": [2]}))

    assert found == Resolved(2, 1)
    assert found.within(reference)
