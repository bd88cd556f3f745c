"""Every way in which a load can be wrong, derived from the declarations, each with the check that must say so."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from opetence_assets.contract.severity import grade_of
from opetence_assets.dataset import Dataset, Severity
from opetence_assets.lake.progress import last_progress
from opetence_assets.quality.figures import event_column
from opetence_assets.quality.judging import has_age
from opetence_assets.refinement.shape import declared_types, rules_of, silver_types, table_types
from opetence_assets_tests.quality.company import Case, arrived, judged, last_day, on_day, overwritten, refined, tidied
from opetence_assets_tests.quality.strikes import (
    identifying,
    moved,
    multiplied,
    optional,
    renamed,
    repeated,
    some,
    truncated,
    without,
    written,
)

Change = Callable[[Case, random.Random], pl.DataFrame]


@dataclass(frozen=True)
class Corruption:
    """One thing that goes wrong.

    Attributes:
        by: the check that must fail; ``quarantine`` is the reason in quarantine.
        naming: what it must name, besides the table: a column, a segment, a reason.
        strike: does it, up to the checks.
    """

    kind: str
    dataset: Dataset
    by: str
    naming: str
    strike: Callable[[Case, random.Random], None]

    def __str__(self) -> str:
        return f"{self.kind} in {self.dataset.name} ({self.naming or 'the table'}), to be caught by {self.by}"


def loaded(change: Change, **progress: int) -> Callable[[Case, random.Random], None]:
    """The newest load came like this."""

    def strike(case: Case, chance: random.Random) -> None:
        rows = change(case, chance)
        told = {name: (case.progress.get(name) or 0) + more for name, more in progress.items()}
        arrived(case, rows, **told)
        refined(case)
        judged(case)

    return strike


def of_rows(dataset: Dataset, bronze: pl.Schema) -> Iterator[Corruption]:
    """A few rows that break a rule: they must wait in quarantine, under its name."""
    types = declared_types(dataset)
    for rule in rules_of(dataset):
        column, _, check = rule.name.partition(": ")
        if column not in bronze or column not in silver_types(dataset) or grade_of(dataset, rule).severity is _WARN:
            continue
        block = grade_of(dataset, rule).severity is Severity.BLOCK
        by = "within_grades" if block else "quarantine"
        for kind, value in _values(check, types[column], bronze[column] == pl.String()):
            yield Corruption(kind, dataset, by, rule.name, loaded(_put(column, value)))
    for column, dtype in bronze.items():
        if column.endswith("_valid") and dtype == pl.Boolean():
            named = next(r.name for r in rules_of(dataset) if column in r.valid.meta.root_names())
            if all(grade_of(dataset, r).severity is not _WARN for r in rules_of(dataset) if r.name == named):
                yield Corruption("refused original", dataset, "quarantine", named, loaded(_put(column, False)))


_WARN = Severity.WARN


def _values(check: str, dtype: pl.DataType, text: bool) -> Iterator[tuple[str, object]]:
    if check == "null":
        yield "null in a required column", None
        if text and dtype.is_numeric():
            yield "wrong type", "twelve"
        if text and dtype.is_temporal():
            yield "impossible date", "2026-02-31T25:00:00Z"
    elif check == "greater_than_or_equal_to":
        yield "below the range", -7
    elif check == "less_than_or_equal_to":
        yield "above the range", 10**6
    elif check == "isin":
        yield "value that is not allowed", "bogus"
    elif check.startswith("str_"):
        yield "wrong pattern", "?!"


def _put(column: str, value: object) -> Change:
    return lambda case, chance: written(case.rows, some(case.rows, chance), column, value)


def of_optional(dataset: Dataset, bronze: pl.Schema) -> Iterator[Corruption]:
    """A value that cannot be read, in a column that may be empty: it must not become an empty one in silence."""
    columns = dataset.schema.to_schema().columns
    for name, dtype in declared_types(dataset).items():
        if name in silver_types(dataset) and columns[name].nullable and bronze.get(name) == pl.String():
            if dtype.is_numeric() or dtype.is_temporal():
                strike = loaded(_put(name, "unreadable"))
                yield Corruption("unreadable value in an optional column", dataset, "quarantine", name, strike)


def of_passes(dataset: Dataset, bronze: pl.Schema) -> Iterator[Corruption]:
    """More bad rows than a grade tolerates."""
    for name, grade in dataset.grades.items():
        column, _, check = name.partition(": ")
        if column in bronze and check and grade.up_to < 0.5:
            _, value = next(_values(check, declared_types(dataset)[column], bronze[column] == pl.String()))

            def change(case: Case, _: random.Random, column: str = column, value: object = value) -> pl.DataFrame:
                return written(case.rows, pl.Series([True] * len(case.rows)), column, value)

            yield Corruption("a pass of bad rows", dataset, "within_grades", name, loaded(change))


def of_times(dataset: Dataset, bronze: pl.Schema) -> Iterator[Corruption]:
    """A clock that is wrong by centuries, a day that moved, a source that is silent."""
    event = event_column(dataset)
    if not has_age(dataset) or event is None:
        return
    column = dataset.cursor or event
    if column in bronze and isinstance(silver_types(dataset)[column], pl.Datetime):

        def future(case: Case, chance: random.Random) -> pl.DataFrame:
            return moved(case.rows, some(case.rows, chance), column, timedelta(days=365 * 40))

        yield Corruption("time in the far future", dataset, "fresh", "2066", loaded(future))

    def silent(case: Case, _: random.Random) -> None:
        case.now += timedelta(days=45)
        judged(case)

    yield Corruption("stale source", dataset, "fresh", "old", silent)


def of_texts(dataset: Dataset, bronze: pl.Schema) -> Iterator[Corruption]:
    """A person's value in a text that nobody declared personal."""
    columns = dataset.schema.to_schema().columns
    values = ("jane.roe@mail.example.com", "call +49 30 1234567 89", "DE89 3704 0044 0532 0130 00", "203.0.113.77")
    free = [
        name
        for name, dtype in silver_types(dataset).items()
        if dtype == pl.String() and name in bronze and name in columns and not columns[name].checks
    ]
    for number, name in enumerate(free):
        strike = loaded(_put(name, values[number % len(values)]))
        yield Corruption("personal value in a text", dataset, "no_personal_values", name, strike)


def of_days(dataset: Dataset, bronze: pl.Schema) -> Iterator[Corruption]:
    """A day unlike its weekday. Only of tables that bring enough for a day to be judged by."""
    watch, event = dataset.watch, event_column(dataset)
    table, types = dataset.feed.name, declared_types(dataset)
    yield Corruption("truncated day", dataset, "usual", table, loaded(lambda case, _: truncated(case, 0.4)))
    yield Corruption("spike", dataset, "usual", table, loaded(lambda case, _: repeated(case, 4)))
    yield Corruption("doubled load under new keys", dataset, "usual", table, loaded(lambda case, _: repeated(case, 2)))
    yield Corruption("missing day", dataset, "usual", table, loaded(lambda case, _: truncated(case, 0.0)))
    for figure in (name for name in watch.figures if name in bronze):
        strike = loaded(_scaled(figure, types[figure]))
        yield Corruption("amounts in cents", dataset, "usual", f"({figure})", strike)
    for column in (name for name in watch.distinct if name in bronze):
        yield Corruption("all of a day the same", dataset, "usual", f"distinct({column})", loaded(_same(column)))
    if event in bronze and isinstance(silver_types(dataset)[event or ""], pl.Datetime):
        strike = loaded(_shifted(event or ""))
        yield Corruption("a day's times moved by hours", dataset, "usual", "time of day", strike)
    if not watch.settles:
        for column in watch.by:
            strike = loaded(lambda case, _, column=column: without(case, column))
            yield Corruption("segment vanished", dataset, "usual", f"{column}=", strike)
        for column in optional(dataset, pl.DataFrame(schema=bronze)):
            yield Corruption("burst of nulls", dataset, "usual", f"null_rate({column})", loaded(_emptied(column)))


def _scaled(column: str, dtype: pl.DataType) -> Change:
    return lambda case, _: multiplied(case.rows, on_day(case, case.rows, last_day(case)), column, 100, dtype)


def _same(column: str) -> Change:
    def change(case: Case, _: random.Random) -> pl.DataFrame:
        today = on_day(case, case.rows, last_day(case))
        return written(case.rows, today, column, case.rows.filter(today)[column][0])

    return change


def _shifted(column: str) -> Change:
    def change(case: Case, _: random.Random) -> pl.DataFrame:
        hour = tidied(case, case.rows)[column].dt.hour()
        today = on_day(case, case.rows, last_day(case)) & (hour >= 6).fill_null(False)
        return moved(case.rows, today, column, -timedelta(hours=6))

    return change


def _emptied(column: str) -> Change:
    def change(case: Case, chance: random.Random) -> pl.DataFrame:
        today = on_day(case, case.rows, last_day(case))
        return written(case.rows, today & some(case.rows, chance, len(case.rows) * 7 // 10), column, None)

    return change


def of_references(dataset: Dataset, bronze: pl.Schema) -> Iterator[Corruption]:
    """A load whose rows have no counterpart."""
    for reference in dataset.references:
        column = next((name for name in reference.columns if name in bronze and name not in dataset.key), None)
        column = column or next((name for name in reference.columns if name in bronze), None)
        if column is None:
            continue

        def change(case: Case, _: random.Random, column: str = column) -> pl.DataFrame:
            number = declared_types(case.dataset)[column].is_integer()
            if number:
                return written(case.rows, case.rows[column].is_not_null(), column, 1_900_000_001)
            tail = pl.col(column).str.slice(3)  # of the form that keys have
            return case.rows.with_columns((pl.col(column).str.head(1) + "97" + tail).alias(column))

        yield Corruption("orphans", dataset, "references", reference.to, loaded(change))


def of_counts(dataset: Dataset, bronze: pl.Schema) -> Iterator[Corruption]:
    """Rows that the source has and silver has not."""
    if not dataset.counted:
        return
    key = identifying(dataset)

    def lost(case: Case, chance: random.Random) -> pl.DataFrame:
        """New rows, of which some never arrive."""
        fresh = renamed(case.dataset, case.rows.head(20), 1)
        return pl.concat([case.rows, fresh.head(15)])

    yield Corruption("rows lost before bronze", dataset, "complete", "5 missing", loaded(lost, total_keys=20))
    behind = loaded(lambda case, _: case.rows, total_keys=3)
    yield Corruption("rows behind the cursor", dataset, "complete", "3 missing", behind)

    def reused(case: Case, _: random.Random) -> pl.DataFrame:
        fresh = case.rows.head(12)
        return pl.concat([case.rows, fresh.with_columns(pl.lit(case.rows[key][0]).alias(key)).head(12)])

    yield Corruption("keys reused for new rows", dataset, "complete", "missing", loaded(reused, total_keys=12))

    def short(case: Case, _: random.Random) -> None:
        silver = case.table("silver").scan().collect()
        overwritten(case, silver.head(len(silver) - 4))
        judged(case)

    yield Corruption("rows lost in silver", dataset, "complete", "missing", short)


def of_silver(dataset: Dataset, bronze: pl.Schema) -> Iterator[Corruption]:
    """Silver written past refinement, or by a refinement that is wrong."""

    def rewritten(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable[[Case, random.Random], None]:
        def strike(case: Case, _: random.Random) -> None:
            overwritten(case, change(case.table("silver").scan().collect()))
            judged(case)

        return strike

    twice = rewritten(lambda rows: pl.concat([rows, rows.head(3)]))
    yield Corruption("exact duplicates in silver", dataset, "unique_key", dataset.key[0], twice)
    required = [r.name.removesuffix(": null") for r in rules_of(dataset) if r.name.endswith(": null")]
    required = [name for name in required if name in table_types(dataset) and name not in dataset.key]
    if required:
        name = required[len(required) // 2]
        empty = rewritten(lambda rows: rows.with_columns(_first_null(rows, name)))
        yield Corruption("null in silver", dataset, "rules", f"{name}: null", empty)

    def skipped(case: Case, _: random.Random) -> None:
        arrived(case, case.rows)
        bronze = case.table("bronze")
        silver = case.table("silver")
        known = last_progress(case.lake, silver.key, silver.version)
        consumed = {**known["consumed"], bronze.key: bronze.version}
        overwritten(case, silver.scan().collect(), consumed=consumed)
        judged(case)

    yield Corruption("rows lost between bronze and silver", dataset, "conserved", "rows accounted for", skipped)


def _first_null(rows: pl.DataFrame, name: str) -> pl.Expr:
    return pl.when(pl.int_range(pl.len()) == 1).then(None).otherwise(pl.col(name)).alias(name)


def of_own_rules(dataset: Dataset, bronze: pl.Schema) -> Iterator[Corruption]:
    """What only the relation of columns tells."""
    types = declared_types(dataset)

    def yield_of(rule: str, column: str, factor: float) -> Corruption:
        def change(case: Case, chance: random.Random) -> pl.DataFrame:
            return multiplied(case.rows, some(case.rows, chance), column, factor, types[column])

        return Corruption("columns that contradict each other", dataset, "quarantine", rule, loaded(change))

    swaps = {
        "more clicks than impressions": ("clicks", 10**6),
        "more delivered than sent": ("delivered", 10**6),
        "refunded more than charged": ("amount", 0.0),
    }
    for rule, (column, factor) in swaps.items():
        if rule in dataset.rules and column in bronze:
            yield yield_of(rule, column, factor)
    clocks = {"ordered in the future": ("ordered_at", 4000), "delivered before shipped": ("delivered_at", -4000),
              "sent before it happened": ("sent_at", -4000)}  # fmt: skip
    for rule, (column, days) in clocks.items():
        if rule in dataset.rules:

            def change(case: Case, _: random.Random, column: str = column, days: int = days) -> pl.DataFrame:
                there = case.rows[column].is_not_null()
                first = there & (there.cum_sum() <= 1)
                return moved(case.rows, first, column, timedelta(days=days))

            yield Corruption("columns that contradict each other", dataset, "quarantine", rule, loaded(change))
    if "garbled name" in dataset.rules:
        garble = loaded(lambda case, chance: written(case.rows, some(case.rows, chance, 9), "name", "MÃ¼tze"))
        yield Corruption("garbled text", dataset, "warned", "garbled name", garble)


EVERY: tuple[Callable[[Dataset, pl.Schema], Iterator[Corruption]], ...] = (
    of_rows,
    of_own_rules,
    of_optional,
    of_passes,
    of_times,
    of_texts,
    of_references,
    of_counts,
    of_silver,
)
NEVER = datetime.max
