"""How well changes are told: ``python -m opetence_assets_tests.review.changes`` prints precision and recall.

Of every labelled change three things are asked: its gravity, the columns it is about, the tables of gold it reaches.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from opetence_assets.review.description import Description
from opetence_assets.review.plan import Plan, planned
from opetence_assets_tests.review.cases import CASES, Case
from opetence_assets_tests.review.world import World


@dataclass(frozen=True)
class Verdict:
    """One change, told right or not: what was expected and what was said, as facts."""

    case: Case
    expected: frozenset[str]
    found: frozenset[str]


def verdicts(cases: Iterable[Case] = CASES) -> list[Verdict]:
    deployed = World().described()
    return [_verdict(case, deployed) for case in cases]


def precision(told: Iterable[Verdict]) -> float:
    """The share of what was said that is right."""
    pairs = [(len(one.found & one.expected), len(one.found)) for one in told]
    return sum(right for right, _ in pairs) / sum(said for _, said in pairs)


def recall(told: Iterable[Verdict]) -> float:
    """The share of what is right that was said."""
    pairs = [(len(one.found & one.expected), len(one.expected)) for one in told]
    return sum(right for right, _ in pairs) / sum(right for _, right in pairs)


def _verdict(case: Case, deployed: Description) -> Verdict:
    world = World()
    case.edit(world)
    columns = {f"column {one}" for one in case.columns.split()}
    expected = {f"is {case.effect or 'nothing'}", *columns, *(f"reaches {one}" for one in case.tables.split())}
    return Verdict(case, frozenset(expected), frozenset(_facts(planned(deployed, world.described(), "deployed"))))


def _facts(plan: Plan) -> set[str]:
    said = plan.verdict.word if plan.verdict is not None else "nothing"
    changed = [(one.change, _short(one.change.table)) for one in plan.changes]
    columns = {f"column {table}.{name}" for change, table in changed for name in change.columns}
    return {f"is {said}", *columns, *(f"reaches {_short(table)}" for one in plan.changes for table in one.tables)}


def _short(table: str) -> str:
    return table.rsplit("/", 1)[-1]


def main() -> None:
    told = verdicts()
    wrong = {
        one.case.name: {"missed": sorted(one.expected - one.found), "too much": sorted(one.found - one.expected)}
        for one in told
        if one.expected != one.found
    }
    figures = {"changes": len(told), "precision": round(precision(told), 4), "recall": round(recall(told), 4)}
    print(json.dumps({**figures, "wrong": wrong}, indent=2))  # noqa: T201
    sys.exit(1 if min(precision(told), recall(told)) < 0.95 else 0)


if __name__ == "__main__":
    main()
