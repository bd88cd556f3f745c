"""What a release would change is what a comparison of all rows says, whatever files the rows are in."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from opetence_assets.lake.commits import commit
from opetence_assets.lake.places import Lake, place_at
from opetence_assets.lake.tables import DataFile, open_table
from opetence_assets.review.differences import differences
from opetence_assets_tests.lake.rows import schema_of, staged

KEY = "gold/revenue"
ROWS = st.dictionaries(st.integers(0, 12), st.integers(-300, 300), max_size=10)
SCHEMA = {"id": pl.Int64, "amount": pl.Decimal(12, 2), "discount_rate": pl.Decimal(12, 4)}


def rows_of(state: dict[int, int]) -> pl.DataFrame:
    amounts = [Decimal(cents) / 100 for cents in state.values()]
    return pl.DataFrame({"id": list(state), "amount": amounts, "discount_rate": amounts}, schema=SCHEMA)


def put(lake: Lake, folder: Path, state: dict[int, int], kept: tuple[DataFile, ...] = ()) -> int:
    """A version with these rows beside the files that are kept."""
    known = open_table(lake, KEY)
    paths = {file.path for file in kept}
    return commit(
        lake,
        KEY,
        schema=schema_of(rows_of(state)),
        add=[staged(lake, folder, rows_of(state), KEY)] if state else [],
        remove=[file for file in known.files if file.path not in paths] if known else [],
    )


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.integers(100, 110), st.integers(0, 9), max_size=3), ROWS, ROWS, st.booleans())
def test_it_is_what_comparing_every_row_says(
    shared: dict[int, int], before: dict[int, int], after: dict[int, int], keyed: bool
) -> None:
    with TemporaryDirectory() as name:
        folder, lake = Path(name), place_at(f"{name}/lake")
        put(lake, folder, shared)
        kept = open_table(lake, KEY)
        assert kept is not None
        versions = [put(lake, folder, state, kept.files) for state in (before, after)]

        found = differences(lake, {KEY: versions[0]}, {KEY: versions[1]}, {KEY: ("id",)} if keyed else {})

        came, went = after.keys() - before.keys(), before.keys() - after.keys()
        changed = {key for key in after.keys() & before.keys() if after[key] != before[key]}
        sums = [Decimal(sum(state.values()) + sum(shared.values())) / 100 for state in (before, after)]
        if before == after:
            assert found == []
            return
        (table,) = found
        assert (table.rows_before, table.rows_after) == (len(shared) + len(before), len(shared) + len(after))
        if keyed:
            assert (table.added, table.removed, table.changed) == (len(came), len(went), len(changed))
        else:
            assert (table.added, table.removed) == (len(came) + len(changed), len(went) + len(changed))
        assert table.sums == ({"amount": tuple(sums)} if sums[0] != sums[1] else {})


def test_a_table_that_comes_or_goes_and_a_column_are_told(lake: Lake, tmp_path: Path) -> None:
    first = put(lake, tmp_path, {1: 100})
    wider = rows_of({1: 100}).with_columns(note=pl.lit("x"))
    file = staged(lake, tmp_path, wider, KEY)
    known = open_table(lake, KEY)
    assert known is not None
    second = commit(lake, KEY, schema=schema_of(wider), add=[file], remove=known.files)

    (came,) = differences(lake, {}, {KEY: first}, {})
    (went,) = differences(lake, {KEY: first}, {}, {})
    (grown,) = differences(lake, {KEY: first}, {KEY: second}, {KEY: ("id",)})

    assert (came.added, came.removed, came.columns_added) == (1, 0, ())
    assert (went.added, went.removed) == (0, 1)
    assert (grown.columns_added, grown.changed) == (("note",), 0)
