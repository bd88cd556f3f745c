"""What one scan of Parquet files finds, by whichever glance, is what a plain count of all rows finds."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pandera.polars as pa
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from opetence_assets.contract.codes import AT_ONCE, Look, look
from opetence_assets.contract.rules import Rule, schema_rules
from opetence_assets.contract.scan import PROBED, Contract, scanned

STATUSES = ["placed", "paid", "shipped", "handed over to the neighbour", ""]
SCHEMA = pa.DataFrameSchema(
    {
        "status": pa.Column(
            pl.String,
            [
                pa.Check.isin(STATUSES[:4], ignore_na=False),
                pa.Check.str_matches(r"[a-z ]+$"),
                pa.Check.str_length(4, 8),
                pa.Check.notin(["lost"]),
            ],
            nullable=False,
        ),
        "code": pa.Column(pl.String, pa.Check.str_matches(r"O\d{4}$")),
        "amount": pa.Column(pl.Int64, pa.Check.in_range(0, 2_999)),
    }
)
RULES = tuple(rule for name in SCHEMA.columns for rule in schema_rules(SCHEMA, name, "test"))


def rows(number: int = 3 * PROBED) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "status": [STATUSES[place % 3] for place in range(number)],
            "code": [f"O{place:04d}" for place in range(number)],
            "amount": range(number),
        }
    )


def at(frame: pl.DataFrame, column: str, value: object, place: int) -> pl.DataFrame:
    other = pl.lit(value, dtype=frame.schema[column])
    return frame.with_columns(pl.when(pl.int_range(pl.len()) == place).then(other).otherwise(column).alias(column))


def counts(frame: pl.DataFrame, rules: tuple[Rule, ...] = RULES) -> dict[str, int]:
    found = {rule.name: frame.select((~rule.valid).sum()).item() for rule in rules}
    return {name: count for name, count in found.items() if count}


WRONG = {
    "nothing": rows(),
    "a stranger late": at(rows(), "status", "lost", 2_900),
    "a stranger among the first": at(rows(), "status", "lost", 7),
    "a null": at(rows(), "status", None, 1_500),
    "an empty text": at(rows(), "status", "", 2_999),
    "a long one": at(rows(), "status", STATUSES[3], 3),
    "many more than first": rows().with_columns(
        status=pl.when(pl.col("amount") < PROBED).then("status").otherwise("code")
    ),
    "only nulls": rows().with_columns(status=pl.lit(None, dtype=pl.String)),
    "a code": at(rows(), "code", "O12345", 2_500),
    "no code": at(rows(), "code", None, 2_500),
    "an amount": at(rows(), "amount", -1, 2_500),
    "no amount": rows().with_columns(amount=pl.lit(None, dtype=pl.Int64)),
}


@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize("wrong", WRONG)
def test_every_glance_counts_what_a_plain_count_finds(wrong: str, dictionary: bool, tmp_path: Path) -> None:
    frame = WRONG[wrong]
    pq.write_table(frame.to_arrow(), tmp_path / "rows.parquet", use_dictionary=dictionary, row_group_size=700)
    scan = scanned(Contract(("code",), RULES), pl.scan_parquet(tmp_path / "rows.parquet"))

    assert scan.broken == counts(frame)
    assert {column.column: column.nulls for column in scan.statistics} == frame.null_count().row(0, named=True)
    assert {column.column: column.distinct for column in scan.statistics} == {
        name: frame[name].drop_nulls().n_unique() for name in frame.columns
    }


def test_a_column_of_few_texts_is_known_exactly_without_a_sample(tmp_path: Path) -> None:
    frame = rows(100_000).with_columns(code=pl.col("amount").cast(pl.String))
    frame.write_parquet(tmp_path / "rows.parquet")
    found = {
        each.column: each
        for each in scanned(Contract((), RULES[:4]), pl.scan_parquet(tmp_path / "rows.parquet")).statistics
    }

    assert (found["status"].distinct, found["status"].distinct_is_exact) == (3, True)
    assert not found["code"].distinct_is_exact


@pytest.mark.parametrize("again", [["O000007"] * 3, [None], [None] * 3])
def test_what_is_to_be_unique_is_counted_and_not_sampled(again: list[str | None]) -> None:
    codes = [f"O{number:06d}" for number in range(60_000)]
    scan = scanned(Contract(("code",), ()), pl.LazyFrame({"code": [*codes, *again]}))

    assert [(each.distinct, each.distinct_is_exact) for each in scan.statistics] == [(60_000, True)]


def test_a_table_of_nothing_but_few_texts_has_all_its_rows() -> None:
    scan = scanned(Contract((), RULES[:4]), rows().select("status").lazy())

    assert (scan.rows, scan.broken) == (3 * PROBED, counts(rows(), RULES[:4]))


def test_the_same_rows_are_sampled_in_whatever_batches_they_come() -> None:
    frame = rows(200_000).lazy()
    whole = scanned(Contract(("code",), ()), frame)
    with pl.Config(streaming_chunk_size=999):
        parts = scanned(Contract(("code",), ()), frame)

    assert parts == whole


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.lists(st.text("O01:é", min_size=1, max_size=5) | st.text("O0", min_size=12, max_size=14), max_size=5))
def test_codes_that_are_seen_to_ascend_do(texts: list[str]) -> None:
    ascends = all(before < after for before, after in pairwise(texts))

    assert ascends or not look(pl.Series(texts, dtype=pl.String)).ascend


def test_a_batch_is_looked_at_to_its_end() -> None:
    """In parts of AT_ONCE, whose edges hide neither an order that ends there nor a text that is no code."""
    codes = [f"O000{number:05d}" for number in range(AT_ONCE + 99)]
    again = [*codes[:AT_ONCE], *codes[AT_ONCE - 1 :]]
    spoiled = [*codes[:-1], "O0000000x"]

    assert look(pl.Series(codes), "O########") == Look(have_shape=True, ascend=True)
    assert look(pl.Series(again), "O########") == Look(have_shape=True, ascend=False)
    assert look(pl.Series(spoiled), "O########") == Look(have_shape=False, ascend=False)
