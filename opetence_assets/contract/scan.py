"""One scan: every rule, every key and every column's figures, in one streaming query in the memory of a few batches.

Least and greatest values and nulls, which the statistics want anyway, prove bounds and presence of all rows; the shape
of a code proves its pattern while the batches pass; a text column of a few values is not read at all where the files'
dictionaries say that these are all. Only rules that nothing may prove are asked of the rows, in the same query.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from opetence_assets.contract.codes import Code, look
from opetence_assets.contract.expressions import Evidence, Present, Within
from opetence_assets.contract.rules import Rule
from opetence_assets.contract.statistics import ColumnStatistics, Few, Learned, chosen
from opetence_assets.contract.unique import Seen

if TYPE_CHECKING:
    from polars._typing import EngineType

PROBED, FEW = 1_000, 50  # rows looked at to guess whether a text column repeats itself; distinct values among them
NUMBER = "number of the row"


@dataclass(frozen=True)
class Contract:
    """A declaration as a plan: what every row and the whole table must be.

    Attributes:
        key: unique together; with the sets of ``unique`` that the schema adds.
        closed: columns whose values must not be told of.
    """

    key: tuple[str, ...]
    rules: tuple[Rule, ...]
    unique: tuple[tuple[str, ...], ...] = ()
    closed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Scan:
    """What one scan found.

    Attributes:
        broken: rows by rule, of the rules that any row breaks.
        repeated: by set of columns, rows beyond the first of their values; the key's set is always there.
        by_pandera: the rules that Pandera judged, because they have no expression.
    """

    rows: int
    broken: Mapping[str, int]
    repeated: Mapping[tuple[str, ...], int]
    statistics: tuple[ColumnStatistics, ...]
    by_pandera: tuple[str, ...]


@dataclass(frozen=True)
class Passing:
    """What is looked at in Python while the batches of a query pass, in any order and by several threads at once."""

    learned: Learned
    sets: Mapping[tuple[str, ...], Seen]
    codes: Sequence[tuple[Rule, Code]]
    miscoded: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    passed: list[int] = field(default_factory=list[int])

    def look(self, batch: pl.DataFrame) -> pl.DataFrame:
        if len(batch):
            self.passed.append(len(batch))
            self.learned.take(batch, batch[NUMBER][0])
            looked = [look(batch[code.column], code.shape) for _, code in self.codes]
            of_column = {code.column: found for (_, code), found in zip(self.codes, looked, strict=True)}
            for columns, seen in self.sets.items():
                seen.see(batch, of_column.get(columns[0]))
            for (rule, _), found in zip(self.codes, looked, strict=True):
                if not found.have_shape:  # then the pattern itself is asked
                    self.miscoded.append((rule.name, batch.select_seq((~rule.valid).sum()).item()))
        return batch


def scanned(contract: Contract, rows: pl.LazyFrame, expected: int | None = None) -> Scan:
    """Judges and measures rows in one pass; ``expected`` is how many they are, where that is known."""
    total = expected if expected is not None else rows.select(pl.len()).collect().item()
    schema = dict(rows.collect_schema())
    sets = {names: Seen(names) for names in (contract.key, *contract.unique) if names}
    alone = frozenset(names[0] for names in sets if len(names) == 1)
    texts = [name for name, dtype in schema.items() if dtype == pl.String and name not in alone]
    learned = Learned(schema, contract.closed, chosen(total), _few_texts(texts, rows), alone)
    pandera = [rule for rule in contract.rules if rule.by_pandera]
    broken = _broken([rule for rule in contract.rules if not rule.by_pandera], rows, learned, sets)
    if pandera and learned.rows:
        broken |= _answers(rows, _counts(pandera), "auto")
    repeated = {names: seen.repeated(rows) for names, seen in sets.items()}
    return Scan(
        learned.rows,
        {rule.name: broken[rule.name] for rule in contract.rules if broken.get(rule.name)},
        repeated,
        learned.statistics({names[0]: learned.rows - again for names, again in repeated.items() if len(names) == 1}),
        tuple(rule.name for rule in pandera),
    )


def _broken(
    rules: Sequence[Rule], rows: pl.LazyFrame, learned: Learned, sets: Mapping[tuple[str, ...], Seen]
) -> dict[str, int]:
    """How many rows break each rule; what is learned and seen of them on the way is kept in the other arguments."""
    known = {rule.name: learned.few[rule.of_text] for rule in rules if rule.of_text and rule.of_text in learned.few}
    codes = [(rule, rule.evidence) for rule in rules if isinstance(rule.evidence, Code) and rule.name not in known]
    asked = [rule for rule in rules if rule.evidence is None and rule.name not in known]
    passing = Passing(learned, sets, codes)
    wanted = {name for rule in asked for name in rule.valid.meta.root_names()} | {n for names in sets for n in names}
    read = [name for name in learned.columns if name in wanted or name not in learned.few] or list(learned.columns)[:1]
    answers = _answers(_watched(rows.select(read), passing), {**learned.asked(), **_counts(asked)})
    learned.answered({figure: answers.pop(figure) for figure in learned.asked()})
    assert learned.rows == sum(passing.passed), "rows were counted that nobody looked at"
    found = {rule.name: sum(count for name, count in passing.miscoded if name == rule.name) for rule, _ in codes}
    counted = {*found, *(rule.name for rule in asked)}
    unproven = [
        rule
        for rule in rules
        if rule.name not in counted
        if not (_allows(rule, known[rule.name]) if rule.name in known else _proves(rule.evidence, learned))
    ]
    return {**answers, **found, **_answers(rows, _counts(unproven))}


def _watched(rows: pl.LazyFrame, passing: Passing) -> pl.LazyFrame:
    """Polars wants such a function to be pure, as it says nothing of how often it is called: that is seen to after."""
    return rows.with_row_index(NUMBER).map_batches(
        passing.look,
        predicate_pushdown=False,
        projection_pushdown=False,
        slice_pushdown=False,
        validate_output_schema=False,
        streamable=True,
    )


def _counts(rules: Sequence[Rule]) -> dict[str, pl.Expr]:
    return {rule.name: (~rule.valid).sum() for rule in rules}


def _answers(rows: pl.LazyFrame, asked: Mapping[Any, pl.Expr], engine: EngineType = "streaming") -> dict[Any, Any]:
    """One row of answers, by what was asked; rows are read once, and not at all where nothing is asked."""
    if not asked:
        return {}
    expressions = (expression.alias(str(number)) for number, expression in enumerate(asked.values()))
    return dict(zip(asked, rows.select(expressions).collect(engine=engine).row(0), strict=True))


def _few_texts(texts: Sequence[str], rows: pl.LazyFrame) -> dict[str, Few]:
    """Those of some text columns whose first rows hold all their values.

    Parquet's reader asks a filter of the texts in a file's dictionary, and decodes nothing where none of them passes:
    0.01 CPU-s for 10 M statuses, where reading them takes 0.05 and comparing them with five texts 0.06 more.
    """
    first = rows.select(texts).head(PROBED).collect(engine="streaming") if texts else pl.DataFrame()
    found: dict[str, Few] = {}
    for column in first if len(first) == PROBED else ():
        values, text = column.drop_nulls().unique(), pl.col(column.name)
        if 0 < len(values) <= FEW:
            others = _rows_of(rows, ~text.is_in(values.to_list()).fill_null(False))
            nulls = _rows_of(rows, text.is_null()) if others else 0
            if others == nulls:
                found[column.name] = Few(values, nulls)
    return found


def _rows_of(rows: pl.LazyFrame, predicate: pl.Expr) -> int:
    return rows.filter(predicate).select(pl.len()).collect(engine="streaming").item()


def _allows(rule: Rule, few: Few) -> bool:
    """Whether all values of a column pass, and nulls, if there are any."""
    assert rule.of_text
    values = few.values.to_list() + ([None] if few.nulls else [])
    return pl.DataFrame({rule.of_text: pl.Series(values, dtype=pl.String)}).select(rule.valid.all()).item()


def _proves(evidence: Evidence | None, learned: Learned) -> bool:
    """Whether the figures of a column prove that all rows pass; a null always does, as far as bounds go."""
    match evidence:
        case Present(column):
            return learned.figures[column]["nulls"] == 0
        case Within(column, low, high, open_low, open_high):
            least, greatest = learned.figures[column]["least"], learned.figures[column]["greatest"]
            if least is None or greatest is None:
                return True  # no value, no failure
            above = low is None or least > low or (least == low and not open_low)
            return above and (high is None or greatest < high or (greatest == high and not open_high))
        case _:
            return False
