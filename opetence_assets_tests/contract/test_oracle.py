"""A share of the frames that Pandera and the plan must agree on; all of them: ``oracle.py 10000``."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from opetence_assets.contract.codes import code_of, look
from opetence_assets.contract.scan import Contract, scanned
from opetence_assets.contract.unique import Seen
from opetence_assets_tests.contract.oracle import differences


@pytest.mark.parametrize("share", range(4))
def test_the_plan_refuses_what_pandera_refuses(share: int) -> None:
    assert [text for seed in range(share * 20, share * 20 + 20) for text in differences(seed)] == []


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.lists(st.from_regex(r"O[0-9٣]{3}", fullmatch=True) | st.text("O0129a:/é", max_size=13), max_size=6))
def test_a_code_that_is_seen_matches_its_pattern(texts: list[str]) -> None:
    code, values = code_of("order_id", r"O\d{3}$"), pl.Series(texts, dtype=pl.String)

    assert code is not None
    ascii_digits = values.str.contains(r"^O[0-9]{3}$")
    assert look(values, code.shape).have_shape == all(ascii_digits)
    assert all(values.str.contains(r"^O\d{3}$")) or not look(values, code.shape).have_shape


@pytest.mark.parametrize("pattern", [r"O\d+$", r"(?i)O\d{3}$", r"O\d{3}", r"\w{3}$", r"O\d{12}$", r"O.\d$", r"abc$"])
def test_other_patterns_have_no_shape(pattern: str) -> None:
    assert code_of("order_id", pattern) is None


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.none() | st.integers(0, 3), st.text("ab", max_size=2)), max_size=12), st.integers(1, 5))
def test_repeated_keys_are_counted_whatever_their_order(keys: list[tuple[int | None, str]], size: int) -> None:
    frame = pl.DataFrame(keys, {"a": pl.Int64, "b": pl.String}, orient="row")
    seen = Seen(("a", "b"))
    for batch in frame.iter_slices(size):
        seen.see(batch)

    assert seen.repeated(frame.lazy()) == len(keys) - len(set(keys))


def test_a_large_table_is_sampled_and_the_rest_is_exact() -> None:
    frame = pl.LazyFrame({"id": range(200_000)}).with_columns(
        few=pl.col("id") % 7,
        some=pl.col("id") % 20_000,
        text=pl.lit("x"),
        rate=(pl.col("id") % 100) / 100,
        price=(pl.col("id") % 300).cast(pl.Decimal(12, 2)),
    )
    scan = scanned(Contract(("id",), ()), frame)
    found = {column.column: column for column in scan.statistics}

    assert (found["id"].distinct, found["id"].distinct_is_exact) == (200_000, True)
    assert (found["few"].distinct, found["few"].distinct_is_exact) == (7, False)
    assert found["some"].distinct == pytest.approx(20_000, rel=0.05)
    assert (found["some"].least, found["some"].greatest, found["some"].mean) == (0, 19_999, 9_999.5)
    assert found["rate"].quantiles[0.5] == pytest.approx(0.5, abs=0.03)
    assert found["text"].least is None
    assert (found["price"].mean, found["price"].greatest) == (pytest.approx(149.4, abs=0.1), 299)


def test_no_row_is_no_problem() -> None:
    scan = scanned(Contract(("id",), ()), pl.LazyFrame(schema={"id": pl.Int64}))

    assert (scan.rows, scan.broken, scan.repeated, scan.statistics) == (0, {}, {("id",): 0}, ())
