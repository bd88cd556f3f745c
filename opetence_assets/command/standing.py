"""``opetence backup status``: is every partition in every copy that the policy asks for, read back and restored?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opetence_assets.command.output import emit
from opetence_assets.command.status import JsonOption

if TYPE_CHECKING:
    from opetence_assets.backup.policy import Policy
    from opetence_assets.backup.standing import Standing
    from opetence_assets.lake.places import Lake

Row = dict[str, Any]


def status(
    partitions: Annotated[bool, typer.Option("--partitions", help="every partition, not a line a zone")] = False,
    json: JsonOption = False,
) -> None:
    """Copies, media and sites of what is kept, and what was ever restored; exit code 1 if anything is missing."""
    from opetence_assets.backup.copies import copies_of, policy_for, store_of
    from opetence_assets.backup.standing import asked_of, standings
    from opetence_assets.settings import read_settings

    settings, now = read_settings(), datetime.now(UTC)
    policy, store = policy_for(settings), store_of(settings)
    copies = copies_of(settings, policy)
    asked = asked_of(policy, copies, settings.environment)
    rows = [_row(policy, asked, one) for one in standings(asked, copies, store, now)]
    zones = _zones(policy, rows)
    overdue = _overdue(store, now)
    missing = [] if rows else ["found no backup at all. Next: opetence run"]
    if settings.environment == "production":
        missing += [f"{zone}: found no backup. Next: opetence run" for zone in policy.zones if zone not in zones]
    shown = rows if partitions else list(zones.values())
    emit(
        {"zones": list(zones.values()), "partitions": rows, "drills": overdue, "missing": missing},
        as_json=json,
        table={name: [_cell(name, row) for row in shown] for name in (shown[0] if shown else {"zone": ""})},
        title=", ".join(f"{name} is {copy.address}" for name, copy in copies.items()),
    )
    told = [*missing, *(f"drill {name}: {why}. Next: opetence backup drill {name}" for name, why in overdue.items())]
    for problem in told if not json else ():
        typer.echo(f"! {problem}")
    raise typer.Exit(1 if told or any(row["wrong"] for row in rows) else 0)


def _row(policy: Policy, asked: Policy, one: Standing) -> Row:
    rules = [policy.copies[name] for name in one.copies]
    return {
        "zone": one.zone,
        "partition": one.partition,
        "copies": len(one.copies),
        "of": len(asked.zones[one.zone].copies),
        "media": len({rule.medium for rule in rules}),
        "sites": len({rule.site for rule in rules}),
        "in": ", ".join(one.copies),
        "read back": len(one.verified),
        "restored": one.restored,
        "wrong": "; ".join(one.wrong),
    }


def _zones(policy: Policy, rows: Sequence[Row]) -> dict[str, Row]:
    """A line a zone: of copies, media and sites the fewest that a partition of it has."""
    found: dict[str, Row] = {}
    for zone, rule in policy.zones.items():
        of = [row for row in rows if row["zone"] == zone]
        if not of:
            continue
        wrong = [row for row in of if row["wrong"]]
        found[zone] = {
            "zone": zone,
            "every": rule.every,
            "partitions": len(of),
            "newest": next((row["partition"] for row in of if row["copies"]), ""),
            **{name: min(row[name] for row in of) for name in ("copies", "of", "media", "sites", "read back")},
            "restored": sum(row["restored"] for row in of),
            "wrong": f"{len(wrong)} partitions: {', '.join(sorted({row['wrong'] for row in wrong}))}" if wrong else "",
        }
    return found


def _cell(name: str, row: Row) -> Any:
    if name == "wrong" and row["wrong"]:
        return f"[bold red]{row['wrong']}[/]"
    if name == "restored" and not row["restored"]:
        return "[yellow]unproven[/]"
    return row[name]


def _overdue(store: Lake, now: datetime) -> dict[str, str]:
    """Drill → why it is red; production's only where it is backed up."""
    from opetence_assets.backup.drills import DRILLS, overdue
    from opetence_assets.backup.manifests import manifest_paths

    names = [name for name in DRILLS if name != "production" or manifest_paths(store, "production")]
    return {name: why for name in names if (why := overdue(store, name, now))}
