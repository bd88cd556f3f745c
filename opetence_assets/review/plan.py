"""What deploying the working tree would do: changes, whom they reach, what is built again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from opetence_assets.lineage.columns import graph_of
from opetence_assets.lineage.graph import Column, Graph, Impact, impact
from opetence_assets.review.change import Change, Reached
from opetence_assets.review.dataset_changes import dataset_changes
from opetence_assets.review.description import Description
from opetence_assets.review.kinds import Effect
from opetence_assets.review.making import still_due
from opetence_assets.review.model_changes import exposure_changes, model_changes
from opetence_assets.review.rebuilds import Rebuild, gold_rebuilds, silver_rebuilds
from opetence_assets.review.refused import Refused


@dataclass(frozen=True)
class Plan:
    """The whole plan, gravest change first.

    Attributes:
        against: what it is compared with, for people.
        refused: rows of real data by new rule; None where there is no lake to ask.
    """

    against: str
    changes: tuple[Reached, ...]
    rebuilds: tuple[Rebuild, ...]
    refused: tuple[Refused, ...] | None = field(default=None)

    @property
    def verdict(self) -> Effect | None:
        """The gravest effect; None where nothing changed."""
        return max((reached.change.effect for reached in self.changes), default=None)

    def of(self, effect: Effect) -> list[Reached]:
        return [reached for reached in self.changes if reached.change.effect is effect]


def changes_between(before: Description, after: Description) -> list[Change]:
    """Every change, gravest first."""
    found: list[Change] = []
    for part, compared in (("datasets", dataset_changes), ("models", model_changes)):
        for name in sorted(before[part].keys() | after[part].keys()):
            found += compared(name, before[part].get(name), after[part].get(name))
    found += exposure_changes(before["exposures"], after["exposures"])
    return sorted(found, key=lambda change: (-change.effect, change.table))


def planned(
    before: Description,
    after: Description,
    against: str,
    refused: Iterable[Refused] | None = None,
    made: Mapping[str, Any] | None = None,
) -> Plan:
    """The plan of going from one description to the other; ``refused`` is what real data says to it, ``made`` what
    each silver table was declared as when it was made."""
    graphs = graph_of(before["columns"]), graph_of(after["columns"])
    changes = tuple(_reached(change, *graphs) for change in changes_between(before, after))
    asked = None if refused is None else tuple(refused)
    silver = silver_rebuilds(after, changes, asked)
    silver += still_due(made or {}, after, silver)
    return Plan(against, changes, (*silver, *gold_rebuilds(before, after, changes, silver)), asked)


def _reached(change: Change, before: Graph, after: Graph) -> Reached:
    if change.effect <= Effect.ADDITIVE:
        return Reached(change)
    sides = [_impact(change, graph) for graph in (before, after)]
    columns = sorted({c for side in sides for c in side.columns if c.table.startswith(("silver/", "gold/"))})
    tables = sorted({table for side in sides for table in side.tables} - {change.table})
    read = {name for graph in (before, after) for name, tables in graph.exposures.items() if change.table in tables}
    exposures = sorted({name for side in sides for name in side.exposures} | read)
    gone = _is_gone(change)
    # what still names a column that went, in the SQL as it will be
    breaks = sorted({*sides[1].readers, *after.unread} & _tables_of(after)) if gone else []
    return Reached(change, tuple(columns), tuple(tables), tuple(exposures), tuple(breaks))


def _impact(change: Change, graph: Graph) -> Impact:
    columns = [Column(change.table, name) for name in change.columns] or list(graph.columns_of(change.table))
    return impact(graph, columns)


def _is_gone(change: Change) -> bool:
    return change.kind in ("column removed", "column renamed", "dataset removed", "model removed")


def _tables_of(graph: Graph) -> set[str]:
    return {column.table for column in graph.made_of} | set(graph.unread)
