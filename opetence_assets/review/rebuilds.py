"""Which tables are made again for a change, how, and by which command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from opetence_assets.review.change import Change, Reached
from opetence_assets.review.description import Description
from opetence_assets.review.kinds import FOLLOWS
from opetence_assets.review.refused import Refused

# After these silver has other rows.
_ANOTHER = ("load", "replay", "judge", "fill", "refine", "reload", "stay", "remake", "replace")


@dataclass(frozen=True)
class Rebuild:
    """A table that is made again, how, and why."""

    table: str
    how: str
    why: str
    command: str = ""


def silver_rebuilds(after: Description, changes: Iterable[Reached], asked: tuple[Refused, ...] | None) -> list[Rebuild]:
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
    again, anew = f"opetence run --select {name} --reload", f"opetence rebuild {name}"
    days = f"the days of bronze/{name}, in the UI"
    return {
        "load": f"opetence run --select {name}",
        "replay": f"opetence quarantine replay {name}",
        "fill": days if by_day else again,
        "reload": days if by_day else again,
        "correct": days if by_day else again,
        "replace": f"{days}, then {anew}" if by_day else f"{anew} --reload",
    }.get(follows, anew)


def gold_rebuilds(
    before: Description, after: Description, changes: Iterable[Reached], silver: Iterable[Rebuild]
) -> list[Rebuild]:
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
    below = {one.table for one in silver}
    touched = {t for r in changes if r.change.follows in _ANOTHER and r.change.table in below for t in r.tables}
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
