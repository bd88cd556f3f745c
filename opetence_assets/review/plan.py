"""What deploying the working tree would do: changes, whom they reach, what is built again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from opetence_assets.lineage.columns import graph_of
from opetence_assets.lineage.graph import Column, Graph, Impact, impact
from opetence_assets.review.dataset_changes import dataset_changes
from opetence_assets.review.description import Description
from opetence_assets.review.kinds import FOLLOWS, Change, Effect
from opetence_assets.review.model_changes import exposure_changes, model_changes
from opetence_assets.review.refused import Refused


@dataclass(frozen=True)
class Reached:
    """A change and what is downstream of it.

    Attributes:
        columns: silver's and gold's that are made from what it is about.
        tables: where a value or the choice of rows may change.
        exposures: what stands outside and reads one of them, or the table itself.
        breaks: tables whose query names a column that is gone; of a breaking change only.
    """

    change: Change
    columns: tuple[Column, ...] = ()
    tables: tuple[str, ...] = ()
    exposures: tuple[str, ...] = ()
    breaks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rebuild:
    """A table that is made again, how, and why."""

    table: str
    how: str
    why: str
    command: str = ""


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


def planned(before: Description, after: Description, against: str, refused: Iterable[Refused] | None = None) -> Plan:
    """The plan of going from one description to the other; ``refused`` is what real data says to it."""
    graphs = graph_of(before["columns"]), graph_of(after["columns"])
    changes = tuple(_reached(change, *graphs) for change in changes_between(before, after))
    asked = None if refused is None else tuple(refused)
    return Plan(against, changes, (*_silver(after, changes, asked), *_gold(before, after, changes)), asked)


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


def _silver(after: Description, changes: Iterable[Reached], asked: tuple[Refused, ...] | None) -> list[Rebuild]:
    """Each silver table once, by what is most work of all that follows from its changes; a rule that no row of it
    breaks asks for nothing."""
    broken = None if asked is None else {f"silver/{one.dataset}" for one in asked if one.current}
    rank = list(FOLLOWS)
    due: dict[str, list[Change]] = {}
    for reached in changes:
        idle = reached.change.follows == "judge" and broken is not None and reached.change.table not in broken
        if reached.change.follows and not idle:
            due.setdefault(reached.change.table, []).append(reached.change)
    found: list[Rebuild] = []
    for table, all_of in sorted(due.items()):
        follows = max((change.follows for change in all_of), key=rank.index)
        why = ", ".join(dict.fromkeys(change.kind for change in all_of if change.follows == follows))
        by_day = bool(after["datasets"][table.removeprefix("silver/")]["feed"].get("since"))
        found.append(Rebuild(table, FOLLOWS[follows], why, _command(table, follows, by_day)))
    return found


def _command(table: str, follows: str, by_day: bool) -> str:
    """What does it. ``--reload`` reads whole tables only: a feed by the day is loaded by its days."""
    name = table.removeprefix("silver/")
    reload = f"the days of bronze/{name}, in the UI" if by_day else f"opetence run --select {name} --reload"
    return {
        "load": f"opetence run --select {name}",
        "replay": f"opetence quarantine replay {name}",
        "anew": f"move {table} out of the lake's folder, then {reload}",
    }.get(follows, reload)


def _gold(before: Description, after: Description, changes: Iterable[Reached]) -> list[Rebuild]:
    """Models whose text or a model's above them is another are built whole; of the others daily ones build the days
    whose silver rows changed."""
    old, new = before["models"], after["models"]
    found: list[Rebuild] = []
    for name, said in sorted(new.items()):
        if name not in old:
            found.append(Rebuild(f"gold/{name}", FOLLOWS["whole"], "it is new"))
        elif said["checksum"] != old[name]["checksum"]:
            found.append(Rebuild(f"gold/{name}", FOLLOWS["whole"], _why_whole(name, old, new)))
    whole = {one.table for one in found}
    touched = {t for r in changes if r.change.follows not in ("", "judge") for t in r.tables}
    for table in sorted(touched - whole):
        name = table.removeprefix("gold/")
        if (said := new.get(name)) and table.startswith("gold/"):
            how = "the days of the silver rows that change" if said["day"] else FOLLOWS["whole"]
            found.append(Rebuild(table, how, "silver below it"))
    return found


def _why_whole(name: str, old: Mapping[str, dict[str, object]], new: Mapping[str, dict[str, object]]) -> str:
    """What its checksum, which asks for the letter of the text, saw."""
    own = [part for part in ("query", "columns", "key", "day") if old[name][part] != new[name][part]]
    if own:
        return "its " + ", ".join(own)
    parents = [p for p in _texts(new[name]["parents"]) if p in old and old[p]["checksum"] != new[p]["checksum"]]
    return f"{', '.join(parents)} above it" if parents else "its text or a macro, though not what it says"


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
