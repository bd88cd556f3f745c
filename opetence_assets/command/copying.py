"""``opetence backup plan``, ``copy`` and ``collect``: what the policy asks for, explained and done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opetence_assets.command.output import emit
from opetence_assets.command.status import JsonOption

if TYPE_CHECKING:
    from opetence_assets.backup.collection import Collected
    from opetence_assets.backup.copies import Copy
    from opetence_assets.backup.planning import Step
    from opetence_assets.backup.policy import Policy
    from opetence_assets.settings import Settings


def plan(
    every: Annotated[bool, typer.Option("--all", help="every decision, also to keep what is there")] = False,
    json: JsonOption = False,
) -> None:
    """Every decision of the policy about every partition and its reason; changes nothing."""
    from opetence_assets.backup.collection import Collected, decided
    from opetence_assets.backup.planning import Action
    from opetence_assets.settings import read_settings

    policy, copies = _opened(read_settings())
    steps = decided(policy, copies, datetime.now(UTC), done := Collected())
    numbers = Counter((step.zone, step.copy, step.action.value) for step in steps)
    places = list(dict.fromkeys((step.zone, step.copy) for step in steps))
    summary = [
        {"zone": zone, "copy": copy, **{one.value: numbers[zone, copy, one.value] for one in Action}}
        for zone, copy in places
    ]
    rows = [_row(step) for step in steps]
    names = ("zone", "copy", *(one.value for one in Action))
    shown = [row for row in rows if every or row["action"] != Action.KEEP.value]
    table = {name: [row[name] for row in summary] for name in names}
    emit({"summary": summary, "steps": rows}, as_json=json, table=table, title="partitions by zone and copy")
    if shown and not json:
        emit(shown, as_json=False, table={name: [row[name] for row in shown] for name in shown[0]}, title="decisions")
    done.finished()


def copy(json: JsonOption = False) -> None:
    """Has every copy take what the policy wants there, and reads back what nobody has read; exit code 1 on damage."""
    from opetence_assets.backup.collection import Collected, copy_missing
    from opetence_assets.backup.copies import store_of
    from opetence_assets.command.progress import progress_bars
    from opetence_assets.settings import read_settings

    settings = read_settings()
    policy, copies = _opened(settings)
    with progress_bars() as bars:
        copy_missing(policy, copies, store_of(settings), datetime.now(UTC), done := Collected(), tell=bars)
    _report(done, copies, done.copied_bytes, "bytes written", as_json=json)
    for name, damages in done.damages.items():
        for one in damages:
            typer.echo(f"{name}: {one.path}: {one.what}. Next: opetence backup verify", err=True)
    raise typer.Exit(1 if any(done.damages.values()) else 0)


def collect(
    many: Annotated[bool, typer.Option("--many", help="also if it is more than half of a zone at once")] = False,
    json: JsonOption = False,
) -> None:
    """Deletes what the policy keeps no longer, in every copy; `backup plan` says before what and why."""
    from opetence_assets.backup.collection import Collected
    from opetence_assets.backup.collection import collect as delete
    from opetence_assets.settings import read_settings

    policy, copies = _opened(read_settings())
    delete(policy, copies, datetime.now(UTC), done := Collected(), many=many)
    _report(done, copies, done.freed_bytes, "freed", as_json=json)


def _opened(settings: Settings) -> tuple[Policy, dict[str, Copy]]:
    from opetence_assets.backup.copies import copies_of, policy_for

    policy = policy_for(settings)
    return policy, copies_of(settings, policy)


def _report(
    done: Collected, copies: Mapping[str, Copy], amounts: Mapping[str, int], what: str, *, as_json: bool
) -> None:
    numbers = Counter(step.copy for step in done.steps)
    rows = [{"copy": name, "partitions": numbers[name], what: amounts.get(name, 0)} for name in copies]
    emit(
        {"copies": rows, "steps": [_row(step) for step in done.steps]},
        as_json=as_json,
        table={name: [row[name] for row in rows] for name in ("copy", "partitions", what)},
    )


def _row(step: Step) -> dict[str, Any]:
    return {
        "action": step.action.value,
        "zone": step.zone,
        "partition": step.partition,
        "copy": step.copy,
        "reason": step.reason,
    }
