"""One scan that judges every rule; only where a row failed is its list of reasons made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from opetence_assets.contract.rules import Rule
from opetence_assets.contract.severity import grade_of
from opetence_assets.dataset import DataError, Dataset, Grade, Severity
from opetence_assets.refinement.shape import UNREAD, rules_of, silver_types

ROW, REASONS = "_row", "reasons"
# What a load says of a row, by the bronze column it says it in.
_ARRIVAL = {
    "_broken": Rule("unreadable", pl.col("_broken").is_null()),
    "_drifted": Rule("undeclared column", ~pl.col("_drifted").fill_null(False)),
}


@dataclass(frozen=True)
class Judged:
    """Tidied rows by verdict.

    Attributes:
        refused: ROW and REASONS (List of String) only; the rows themselves are ``bad``.
        broken: rows by rule, of the graded rules that any row breaks.
    """

    valid: pl.DataFrame
    refused: pl.DataFrame
    filtered: int
    bad: pl.DataFrame
    broken: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def rows(self) -> int:
        return len(self.valid) + len(self.bad)


def judge(dataset: Dataset, tidied: pl.DataFrame) -> Judged:
    """Splits tidied rows into valid and refused; counts what the declared filters leave out.

    A row that breaks nothing but rules graded as warnings is valid.

    Raises:
        DataError: tidy gave other columns or types than the schema declares.
    """
    _check_types(dataset, tidied)
    kept = (
        tidied.filter(~pl.any_horizontal(f.fill_null(False) for f in dataset.filters.values()))
        if dataset.filters
        else tidied
    )
    arrival = tuple(rule for column, rule in _ARRIVAL.items() if column in kept.columns)
    unread = (name for name in kept.columns if name.startswith(UNREAD))
    read = tuple(Rule(f"{name.removeprefix(UNREAD)}: unreadable", ~pl.col(name)) for name in unread)
    rules = (*arrival, *read, *(r for r in rules_of(dataset) if grade_of(dataset, r).severity is not Severity.WARN))
    broken = broken_by(kept, graded_rules(dataset))
    passes = kept.select(pl.all_horizontal(rule.valid for rule in rules).alias("ok"))["ok"] if rules else None
    if passes is None or passes.all():
        return Judged(kept, _no_refusals(), len(tidied) - len(kept), kept.clear(), broken)
    bad = kept.filter(~passes)
    refused = bad.select(ROW, reasons(rules).alias(REASONS))
    return Judged(kept.filter(passes), refused, len(tidied) - len(kept), bad, broken)


def graded_rules(dataset: Dataset) -> tuple[Rule, ...]:
    """The rules whose broken rows are counted: those that do not simply send them to quarantine."""
    return tuple(rule for rule in rules_of(dataset) if grade_of(dataset, rule) != Grade())


def broken_by(rows: pl.DataFrame, rules: Iterable[Rule]) -> dict[str, int]:
    """How many rows break each rule, of the rules that any breaks."""
    asked = [(~rule.valid).sum().alias(rule.name) for rule in rules]
    counts = rows.select(asked).row(0, named=True) if asked else {}
    return {name: count for name, count in counts.items() if count}


def reasons(rules: Sequence[Rule]) -> pl.Expr:
    """The names of the rules a row breaks."""
    broken = (pl.when(~rule.valid).then(pl.lit(rule.name)) for rule in rules)
    return pl.concat_list(*broken).list.drop_nulls()


def _no_refusals() -> pl.DataFrame:
    return pl.DataFrame(schema={ROW: pl.UInt32, REASONS: pl.List(pl.String)})


def _check_types(dataset: Dataset, tidied: pl.DataFrame) -> None:
    wrong = [
        f"{name} {tidied.schema.get(name, 'absent')} (declared {dtype})"
        for name, dtype in silver_types(dataset).items()
        if tidied.schema.get(name) != dtype
    ]
    if wrong:
        raise DataError(
            dataset.name,
            found=f"columns of another type than declared: {'; '.join(wrong)}",
            allowed="the types of the schema",
            next_command=f"edit the schema or tidy in opetence_assets/datasets/{dataset.name}.py",
        )
