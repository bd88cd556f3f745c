"""Every way in which a load can be wrong, derived from the declarations, each with the check that must say so."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from opetence_assets.contract.severity import grade_of
from opetence_assets.dataset import Dataset, Severity
from opetence_assets.quality.figures import event_column
from opetence_assets.quality.judging import has_age
from opetence_assets.refinement.shape import declared_types, rules_of, silver_types
from opetence_assets_tests.quality.company import Case, arrived, judged, refined
from opetence_assets_tests.quality.strikes import (
    moved,
    some,
    some_kept,
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
        told_by_load = dataset.feed.kind == "stripe" and column == dataset.cursor  # tidy takes it from the event
        known = column in bronze and column in silver_types(dataset)
        if told_by_load or not known or grade_of(dataset, rule).severity is _WARN:
            continue
        block = grade_of(dataset, rule).severity is Severity.BLOCK
        by = "within_grades" if block else "quarantine"
        many = 1 if dataset.grades else 2  # what every grade tolerates
        for kind, value in _values(check, types[column], bronze[column] == pl.String()):
            yield Corruption(kind, dataset, by, rule.name, loaded(_put(column, value, many)))
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


def _put(column: str, value: object, many: int = 2) -> Change:
    return lambda case, chance: written(case.rows, some_kept(case, chance, many), column, value)


def of_optional(dataset: Dataset, bronze: pl.Schema) -> Iterator[Corruption]:
    """A value that cannot be read, in a column that may be empty: it must not become an empty one in silence."""
    columns = dataset.schema.to_schema().columns
    for name, dtype in declared_types(dataset).items():
        text = columns[name].nullable and name in silver_types(dataset) and bronze.get(name) == pl.String()
        if text and (dtype.is_numeric() or dtype.is_temporal()):
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
    clock = "_cursor" if dataset.feed.kind == "stripe" and column == "changed_at" else column
    if column in bronze and isinstance(silver_types(dataset)[column], pl.Datetime):

        def future(case: Case, chance: random.Random) -> pl.DataFrame:
            return moved(case.rows, some(case.rows, chance), clock, timedelta(days=365 * 40))

        late = [name for name in dataset.rules if name == "sent before it happened"]
        by, naming = ("quarantine", late[0]) if late else ("fresh", "2066")
        yield Corruption("time in the far future", dataset, by, naming, loaded(future))

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


def of_own_rules(dataset: Dataset, bronze: pl.Schema) -> Iterator[Corruption]:
    """What only the relation of columns tells."""
    too_large = {
        "more clicks than impressions": "clicks",
        "more delivered than sent": "delivered",
        "refunded more than charged": "amount_refunded",
        "discount above the line's value": "discount",
        "born in the future": "birth_year",
    }
    for rule, column in too_large.items():
        if rule in dataset.rules and column in bronze:
            value = 2200 if column == "birth_year" else 900_000_000
            yield Corruption(
                "columns that contradict each other", dataset, "quarantine", rule, loaded(_put(column, value, 1))
            )
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
        yield Corruption("garbled text", dataset, "warned", "garbled name", loaded(_put("name", "MÃ¼tze", 1)))
