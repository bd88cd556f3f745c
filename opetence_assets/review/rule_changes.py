"""Rules, filters and grades of two descriptions of one dataset, compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opetence_assets.review.change import Change

Said = Mapping[str, Any]


def rule_changes(table: str, before: Said, after: Said) -> Iterator[Change]:
    for change in (
        *named_changes(table, "rule", before["rules"], after["rules"]),
        *named_changes(table, "rule", before["frame"], after["frame"]),
    ):
        yield as_graded(change, change.what.split(": ", 1)[0], before, after)


def named_changes(table: str, what: str, before: Said, after: Said) -> Iterator[Change]:
    """Named expressions. One that is only called otherwise is the same."""
    gone = {name: _digest(said) for name, said in before.items() if name not in after}
    for name, said in after.items():
        if name in before:
            if _digest(before[name]) != _digest(said):
                kind = "rule rewritten" if what == "rule" else f"{what} changed"
                yield Change(table, kind, f"{name}: {_says(before[name])} → {_says(said)}")
        elif _digest(said) in gone.values():
            gone = {one: digest for one, digest in gone.items() if digest != _digest(said)}
            yield Change(table, "text changed", f"{what} is now called {name!r}")
        else:
            yield Change(table, f"{what} added", f"{name}: {_says(said)}")
    for name in gone:
        yield Change(table, f"{what} removed", f"{name}: {_says(before[name])}")


def as_graded(change: Change, names: str | list[str], before: Said, after: Said) -> Change:
    """A rule that only warns, before and after, refuses nothing."""
    known = [names] if isinstance(names, str) else names
    said = [side["grades"][name] for side in (before, after) for name in known if name in side["grades"]]
    if change.kind != "text changed" and said and all(grade["severity"] == "warn" for grade in said):
        return Change(change.table, "warning changed", change.what, change.columns)
    return change


def grade_changes(table: str, before: Said, after: Said) -> Iterator[Change]:
    for name, new in after["grades"].items():
        old = before["grades"].get(name)
        if old is None or old == new:
            continue
        what = f"{name}: {_grade(old)} → {_grade(new)}"
        warned, warns = old["severity"] == "warn", new["severity"] == "warn"
        kind = (
            "tolerance changed"
            if warned == warns
            else "refusal becomes warning"
            if warns
            else "warning becomes refusal"
        )
        yield Change(table, kind, what)


def _grade(said: Said) -> str:
    up_to = said["up_to"]
    return said["severity"] if up_to >= 1 else f"{said['severity']} up to {up_to:.2%}"


def _says(said: Any) -> str:
    return said["says"] if isinstance(said, Mapping) else " ".join(said)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _digest(said: Any) -> str:
    return said["digest"] if isinstance(said, Mapping) else "\n".join(said)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
