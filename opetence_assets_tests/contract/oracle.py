"""Pandera is the oracle: ``python -m opetence_assets_tests.contract.oracle 10000``.

Each round makes a Pandera schema at random, with every kind of check, and a frame with nulls, NaN, texts of any
script, decimals, dates and moments. The compiled plan and Pandera itself must refuse exactly the same rows, and the one
scan must count exactly as many, in batches too small to see the whole.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pandera.polars as pa
import polars as pl
from pandera.config import ValidationDepth, config_context
from pandera.errors import SchemaErrors

from opetence_assets.contract import scan
from opetence_assets.contract.rules import Rule, frame_rules, schema_rules, unique_sets
from opetence_assets.contract.scan import Contract, scanned

Chance = random.Random
WHOLE_COLUMN = "all of them"
WORDS = ["", "a", "ab", "abc", "O123", "O12", "O٣٤٥", "é", "日本", "a\nb", "ab\n", "🦊x", "A1", "b", "ba", "O1234", "½"]
PATTERNS = [r"O\d{3}$", r"^O\d{3}$", r"a|b", r"[a-z]+$", r"\w+$", r".*b$", r"(?i)A", r"^$", r"\d", r"O[0-9]+", r"a.b"]
NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)

KINDS: dict[str, tuple[pl.DataType, Callable[[Chance], Any]]] = {
    "integer": (pl.Int64(), lambda c: c.randint(-3, 6)),
    "small": (pl.Int16(), lambda c: c.randint(-3, 6)),
    "float": (pl.Float64(), lambda c: c.choice([-1.5, 0.0, -0.0, 1.0, 2.5, float("nan"), float("inf")])),
    "decimal": (pl.Decimal(12, 2), lambda c: Decimal(c.randint(-300, 600)) / 100),
    "text": (pl.String(), lambda c: c.choice(WORDS)),
    "code": (pl.String(), lambda c: f"O{c.randint(100, 999)}" if c.random() < 0.97 else c.choice(WORDS)),
    "date": (pl.Date(), lambda c: date(2026, 2, 27) + timedelta(days=c.randint(0, 6))),
    "moment": (pl.Datetime("us", "UTC"), lambda c: NOON + timedelta(minutes=30 * c.randint(-4, 4))),
    "local": (
        pl.Datetime("us", "Europe/Berlin"),
        lambda c: (NOON + timedelta(minutes=30 * c.randint(-4, 4))).astimezone(ZoneInfo("Europe/Berlin")),
    ),
    "truth": (pl.Boolean(), lambda c: c.random() < 0.5),
}


def positive(data: pa.PolarsData) -> pl.LazyFrame:
    """A function of the declaration's own, which has no expression."""
    return data.lazyframe.select(pl.col(data.key).cast(pl.String).str.len_chars() < 4)


def a_check(chance: Chance, kind: str) -> pa.Check:
    """Any check that the kind of column can bear."""
    value = KINDS[kind][1]
    bounds = sorted((value(chance), value(chance))) if kind != "float" else sorted((chance.random(), 2.0))
    closed = [bounds[0] == bounds[1] or chance.random() < 0.5 for _ in bounds]
    options: dict[str, Any] = {"ignore_na": chance.random() < 0.85}
    if chance.random() < 0.1:
        options["name"] = "a name of its own"
    text: list[Callable[[], pa.Check]] = [
        lambda: pa.Check.str_matches(chance.choice(PATTERNS), **options),
        lambda: pa.Check.str_contains(chance.choice(PATTERNS), **options),
        lambda: pa.Check.str_startswith(chance.choice(WORDS), **options),
        lambda: pa.Check.str_endswith(chance.choice(WORDS), **options),
        lambda: pa.Check.str_length(*chance.choice([(1, None), (None, 2), (1, 3)]), **options),
    ]
    several = [value(chance) for _ in range(chance.randint(1, 10))]
    general: list[Callable[[], pa.Check]] = [
        lambda: pa.Check.isin(several, **options),
        lambda: pa.Check.notin(several, **options),
        lambda: pa.Check.eq(several[0], **options),
        lambda: pa.Check.ne(several[0], **options),
        lambda: pa.Check.gt(bounds[0], **options),
        lambda: pa.Check.ge(bounds[0], **options),
        lambda: pa.Check.lt(bounds[1], **options),
        lambda: pa.Check.le(bounds[1], **options),
        lambda: pa.Check.in_range(*bounds, include_min=closed[0], include_max=closed[1], **options),
        lambda: pa.Check(positive, **options),
        lambda: pa.Check(lambda item: str(item) < "5", element_wise=True, **options),
        lambda: pa.Check.unique_values_eq(several, name=WHOLE_COLUMN),
    ]
    weights = [1.0] * (len(general) - 1) + [0.05]  # that one refuses all rows: rarely
    if kind in ("text", "code") and chance.random() < 0.6:
        return chance.choice(text)()
    return chance.choices(general, weights)[0]()


def a_schema(chance: Chance) -> pa.DataFrameSchema:
    kinds = chance.sample(sorted(KINDS), chance.randint(1, 4))
    columns = {
        kind: pa.Column(
            KINDS[kind][0],
            [a_check(chance, kind) for _ in range(chance.randint(0, 3))],
            nullable=chance.random() < 0.6,
            unique=chance.random() < 0.05,
            coerce=chance.random() < 0.1,
        )
        for kind in kinds
    }
    together = sorted(kinds)[:2] if len(kinds) > 1 and chance.random() < 0.1 else None
    first = kinds[0]
    whole = pa.Check(lambda data: data.lazyframe.select(pl.col(first).is_not_null() | pl.lit(chance_of)), name="whole")
    chance_of = chance.random() < 0.5
    return pa.DataFrameSchema(columns, checks=[whole] if chance.random() < 0.1 else None, unique=together)


def a_frame(chance: Chance, schema: pa.DataFrameSchema) -> pl.DataFrame:
    """Rows mostly without nulls, so that a batch is often proven at a glance and often is not."""
    rows = chance.choice([0, 1, 2, 5, 12, 40])
    nulls = chance.choice([0.0, 0.0, 0.2])
    data = {
        name: [None if chance.random() < nulls else KINDS[name][1](chance) for _ in range(rows)]
        for name in schema.columns
    }
    return pl.DataFrame([pl.Series(name, values, KINDS[name][0]) for name, values in data.items()])


def refused_by_plan(schema: pa.DataFrameSchema, frame: pl.DataFrame) -> list[bool]:
    """Row by row, as refinement judges; what must be unique is judged of the whole."""
    rules = rules_of_schema(schema)
    twice = [pl.struct(names).is_duplicated() for names in unique_sets(schema)]
    refused = pl.any_horizontal(pl.lit(False), *(~rule.valid for rule in rules), *twice)
    return frame.with_columns(refused.alias("refused"))["refused"].to_list()


def rules_of_schema(schema: pa.DataFrameSchema) -> tuple[Rule, ...]:
    fields = [rule for name in schema.columns for rule in schema_rules(schema, name, "oracle")]
    return (*fields, *frame_rules(schema, tuple(schema.columns)))


def refused_by_pandera(schema: pa.DataFrameSchema, frame: pl.DataFrame) -> list[bool]:
    """The rows of every failure that Pandera reports; one verdict for a whole column refuses all of them.

    Such a check is asked in a schema of its own: beside failing rows Pandera cannot write its report.
    """
    whole = [(n, c) for n, column in schema.columns.items() for c in column.checks if c.name == WHOLE_COLUMN]
    rest = {n: replaced(c, [k for k in c.checks if k.name != WHOLE_COLUMN]) for n, c in schema.columns.items()}
    schemas = [pa.DataFrameSchema({n: replaced(schema.columns[n], [check], alone=True)}) for n, check in whole]
    said = [verdicts(one, frame) for one in (pa.DataFrameSchema(rest, schema.checks, unique=schema.unique), *schemas)]
    return [any(row) for row in zip(*said, strict=True)]


def replaced(column: pa.Column, checks: list[pa.Check], alone: bool = False) -> pa.Column:
    nullable, unique = column.nullable or alone, column.unique and not alone
    return pa.Column(column.dtype, checks, nullable=nullable, unique=unique, coerce=column.coerce)


def verdicts(schema: pa.DataFrameSchema, frame: pl.DataFrame) -> list[bool]:
    refused = [False] * len(frame)
    with config_context(validation_depth=ValidationDepth.SCHEMA_AND_DATA):
        try:
            schema.validate(frame, lazy=True)
        except SchemaErrors as errors:
            for error in errors.schema_errors:
                said = error.check_output
                assert said is not None, error
                passed = said["check_output"].to_list()
                passed = passed if len(passed) == len(frame) else [all(passed)] * len(frame)
                refused = [before or not ok for before, ok in zip(refused, passed, strict=True)]
    return refused


def counted_by_scan(schema: pa.DataFrameSchema, frame: pl.DataFrame) -> dict[str, int]:
    """What the one scan counts, in batches of a few rows."""
    contract = Contract((), rules_of_schema(schema), unique_sets(schema))
    with _small_batches():
        found = scanned(contract, frame.lazy())
    assert found.rows == len(frame)
    return {**found.broken, **{f"unique: {names}": rows for names, rows in found.repeated.items() if rows}}


@contextmanager
def _small_batches() -> Iterator[None]:
    """Polars' own batches, of a few rows; and a text column is looked at as if its first few rows were a thousand."""
    kept = scan.PROBED
    scan.PROBED = 5
    try:
        with pl.Config(streaming_chunk_size=7):
            yield
    finally:
        scan.PROBED = kept


def expected_counts(schema: pa.DataFrameSchema, frame: pl.DataFrame) -> dict[str, int]:
    """Each rule evaluated plainly over all rows, and rows beyond the first of what must be unique."""
    counts = {rule.name: frame.select((~rule.valid).sum()).item() for rule in rules_of_schema(schema)}
    twice = {f"unique: {n}": len(frame) - frame.select(pl.struct(n).n_unique()).item() for n in unique_sets(schema)}
    return {name: count for name, count in {**counts, **twice}.items() if count}


def differences(seed: int) -> list[str]:
    """What one round found wrong; nothing, or the compiler is."""
    chance = Chance(seed)
    schema = a_schema(chance)
    frame = a_frame(chance, schema)
    found: list[str] = []
    ours, theirs = refused_by_plan(schema, frame), refused_by_pandera(schema, frame)
    if ours != theirs:
        found.append(f"seed {seed}: plan {ours} pandera {theirs}")
    if len(frame) and (counts := counted_by_scan(schema, frame)) != (plain := expected_counts(schema, frame)):
        found.append(f"seed {seed}: scan {counts} plain {plain}")
    return found


def main(rounds: int) -> None:
    from rich.progress import track

    wrong = [text for seed in track(range(rounds), description="frames") for text in differences(seed)]
    print(json.dumps({"frames": rounds, "wrong": wrong[:50], "differences": len(wrong)}, indent=2))  # noqa: T201
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
