"""What a broken rule does: how much of it a pass may hold, and the refusal of a pass that holds more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from opetence_assets.contract.rules import Rule
from opetence_assets.dataset import DataError, Dataset, Grade, Severity

_ORDER = (Severity.WARN, Severity.QUARANTINE, Severity.BLOCK)


@dataclass(frozen=True)
class Excess:
    """A rule that more rows of one pass break than may."""

    rule: str
    found: int
    allowed: int

    def __str__(self) -> str:
        return f"{self.rule}: {self.found:,} rows (allowed: {self.allowed:,})"


class PassRefused(DataError):
    """One pass brought more bad rows than its rules tolerate; nothing was committed, silver stays, bronze waits."""

    def __init__(self, dataset: Dataset, rows: int, excesses: Sequence[Excess]) -> None:
        self.rows, self.excesses = rows, tuple(excesses)
        super().__init__(
            dataset.name,
            found=f"{'; '.join(map(str, excesses))} of {rows:,} new rows; nothing was refined, silver is as it was",
            allowed="no more than the grades of its declaration",
            next_command=f"correct the source and load it again, or the rule or its grade in "
            f"opetence_assets/datasets/{dataset.name}.py; then opetence run --select {dataset.name}",
        )


def grade_of(dataset: Dataset, rule: Rule) -> Grade:
    """How serious a rule is: quarantine unless graded. Of several rules that share one verdict the strictest counts."""
    ungraded = Grade(Severity.WARN) if rule.warns else Grade()
    grades = [dataset.grades.get(name, ungraded) for name in rule.names]
    severity = max((grade.severity for grade in grades), key=_ORDER.index)
    return Grade(severity, min(grade.up_to for grade in grades))


def allowed_rows(grade: Grade, rows: int) -> int:
    """How many of a pass's rows may break a rule before the pass is refused.

    A share says nothing of a handful: one bad row among three is 33 %. So a tolerance above zero is never less than one
    row, which is as if every pass were at least 1 / ``up_to`` rows. A pass that was refused is judged again together
    with the next load's rows, so that a share that was chance goes down by itself.
    """
    if grade.severity is Severity.BLOCK:
        return 0
    return max(1, int(grade.up_to * rows)) if grade.up_to > 0 else 0


def excesses(dataset: Dataset, rules: Iterable[Rule], broken: Mapping[str, int], rows: int) -> list[Excess]:
    """The rules that too many rows break, of the counts ``broken`` by rule among ``rows``."""
    found = ((rule, broken.get(rule.name, 0), allowed_rows(grade_of(dataset, rule), rows)) for rule in rules)
    return [Excess(rule.name, count, allowed) for rule, count, allowed in found if count > allowed]


def unknown_grades(dataset: Dataset, rules: Iterable[Rule]) -> list[str]:
    """Grades of rules that do not exist."""
    return sorted(set(dataset.grades) - {name for rule in rules for name in rule.names})
