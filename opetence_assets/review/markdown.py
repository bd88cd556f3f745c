"""A plan as the comment of a pull request: whole in itself, the gravest first, cut where a forge would refuse it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import unified_diff

from opetence_assets.review.change import Change, Reached
from opetence_assets.review.kinds import Effect
from opetence_assets.review.plan import Plan
from opetence_assets.review.rebuilds import Rebuild
from opetence_assets.review.refused import Refused

LONGEST = 60_000  # characters; GitHub takes 65,536
SHOWN, LINES = 12, 60  # downstream names in a cell; lines of one difference


def as_markdown(plan: Plan) -> str:
    """The comment; never longer than ``LONGEST``."""
    sections = [_head(plan), *_changes(plan), *_refused(plan), *_rebuilds(plan), *_differences(plan)]
    text = ""
    for section in sections:
        if len(text) + len(section) > LONGEST - 200:
            return text + "\n_Cut here: too long for a comment. The whole: `opetence plan`._\n"
        text += section
    return text


def _head(plan: Plan) -> str:
    if plan.verdict is None:
        return f"## Contract: nothing changes\n\nCompared with {plan.against}.\n"
    counts = ", ".join(f"{len(found)} {effect.word}" for effect in reversed(Effect) if (found := plan.of(effect)))
    return f"## Contract: {plan.verdict.word}\n\nCompared with {plan.against}: {counts}.\n"


def _changes(plan: Plan) -> Iterator[str]:
    for effect in reversed(Effect):
        if not (found := plan.of(effect)):
            continue
        yield f"\n### {effect.word.capitalize()}\n\n"
        if effect <= Effect.ADDITIVE:
            yield _table(
                ("table", "change", "what"), ([r.change.table, r.change.kind, _code(r.change.what)] for r in found)
            )
        else:
            header = ("table", "change", "what", "columns downstream", "tables", "exposures")
            yield _table(header, (_row(reached) for reached in found))


def _row(reached: Reached) -> list[str]:
    change = reached.change
    tables = [f"**{t}** (names what is gone)" if t in reached.breaks else t for t in reached.tables]
    return [change.table, change.kind, _code(change.what), by_table(reached), some(tables), some(reached.exposures)]


def by_table(reached: Reached) -> str:
    """The columns downstream; of a change of rows, which every column below is made from, only how many."""
    if not reached.change.columns and len(reached.columns) > SHOWN:
        return f"all {len(reached.columns)} made from it"
    found: dict[str, list[str]] = {}
    for column in reached.columns:
        found.setdefault(column.table, []).append(column.name)
    return some([f"{table} ({some(names)})" for table, names in found.items()])


def _refused(plan: Plan) -> Iterator[str]:
    if plan.refused is None:
        yield "\n### Rows refused\n\nNot asked: there is no lake here. `opetence plan` where one is tells.\n"
    elif found := [one for one in plan.refused if one.matters]:
        yield "\n### Rows of today under the new rules\n\n"
        header = ("dataset", "rule", "rows", "landed, of", "of them in quarantine", "in silver", "its days", "then")
        yield _table(header, (refused_cells(one) for one in found))
    if plan.refused and (clean := clean_rules(plan.refused)):
        yield f"\n{clean}\n"


def clean_rules(refused: Iterable[Refused]) -> str:
    """How many of the rules that are not as deployed no row breaks."""
    clean = sum(not one.matters for one in refused)
    return f"{clean} more rules or filters, new or asked anew, touch no row of today." if clean else ""


def refused_cells(one: Refused) -> list[str]:
    """Counts for people; what was not counted says why."""
    if one.note:
        return [one.dataset, one.rule, "·", f"{one.landed:,}" if one.landed else "·", "·", "·", one.note, one.does]
    days = f"{one.days[2]:,}: {one.days[0]} to {one.days[1]}" if one.days else "·"
    current = "·" if one.current is None else f"{one.current:,}"
    return [one.dataset, one.rule, f"{one.breaking:,}", f"{one.landed:,}", f"{one.known:,}", current, days, one.does]


def _rebuilds(plan: Plan) -> Iterator[str]:
    if plan.rebuilds:
        yield "\n### Built again\n\n"
        header = ("tables", "how", "why", "by")
        yield _table(header, ([*cells[:3], _code(cells[3])] for cells in grouped(plan.rebuilds)))


def grouped(rebuilds: Iterable[Rebuild]) -> list[list[str]]:
    """One line for all tables that are built again in the same way for the same reason."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for one in rebuilds:
        found.setdefault((one.how, one.why, one.command), []).append(one.table)
    return [[", ".join(tables), *said] for said, tables in found.items()]


def _differences(plan: Plan) -> Iterator[str]:
    for reached in plan.changes:
        if lines := difference(reached.change):
            yield f"\n<details><summary>{reached.change.table}: {reached.change.kind}</summary>\n\n```diff\n"
            yield "\n".join(lines) + "\n```\n\n</details>\n"


def difference(change: Change) -> list[str]:
    """The lines of a long text that went and came, without comments and layout."""
    lines = list(unified_diff(change.before, change.after, lineterm="", n=2))[2:]
    return [*lines[:LINES], f" … {len(lines) - LINES} lines more"] if len(lines) > LINES else lines


def some(names: Sequence[str]) -> str:
    """Names; of many the first and how many there are."""
    shown = list(names[:SHOWN]) + ([f"and {len(names) - SHOWN} more"] if len(names) > SHOWN else [])
    return ", ".join(shown) or "·"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    return "\n".join([*lines, *(f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows)]) + "\n"


def _cell(text: str) -> str:
    """One cell: nothing in it ends the cell, the line or becomes a page's markup."""
    plain = " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
    return plain if len(plain) <= 600 else plain[:600] + " …"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
