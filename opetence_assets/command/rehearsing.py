"""``opetence backup drill``: proves a backup by restoring it."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from opetence_assets.command.output import emit
from opetence_assets.command.status import JsonOption

if TYPE_CHECKING:
    from opetence_assets.backup.drills import Drilled
    from opetence_assets.settings import Settings


class Size(StrEnum):
    """What is restored: one table, one zone, everything; or PostgreSQL."""

    PARTITION = "partition"
    ZONE = "zone"
    COMPANY = "company"
    PRODUCTION = "production"


def drill(
    name: Annotated[
        Size, typer.Argument(help="a random table or zone, everything, or PostgreSQL to a random second")
    ] = Size.PARTITION,
    source: Annotated[str | None, typer.Option("--from", help="store, restic or offsite; default: any")] = None,
    json: JsonOption = False,
) -> None:
    """Restores into an empty place, compares with the original, runs its checks; exit code 1 if it proves nothing."""
    from opetence_assets.backup.drills import unproven
    from opetence_assets.settings import read_settings

    settings = read_settings()
    done = _production(settings, source) if name is Size.PRODUCTION else _lake(settings, name.value, source)
    facts = {
        "drill": done.name,
        "copy": done.copy,
        "partitions": ", ".join(f"{zone} {partition}" for zone, partition in done.partitions),
        "tables": done.tables,
        "rows": done.rows,
        "bytes": done.bytes,
        "recovery time (s)": round(done.seconds, 3),
        "recovery point (s)": round(done.lost_seconds, 1),
    }
    emit({**facts, "wrong": list(done.wrong)}, as_json=json, table={key: [value] for key, value in facts.items()})
    for problem in (*done.wrong, *([asked] if (asked := unproven(done)) else [])):
        typer.echo(f"{done.name} from {done.copy}: {problem}", err=True)
    raise typer.Exit(0 if done.proves else 1)


def _lake(settings: Settings, name: str, source: str | None) -> Drilled:
    from opetence_assets.backup.copies import copies_of, policy_for, store_of
    from opetence_assets.backup.drawing import asked_for, drawn
    from opetence_assets.backup.drills import drill as rehearse
    from opetence_assets.checks.rejudging import failing_checks
    from opetence_assets.command.recovery import copy_named
    from opetence_assets.datasets import all_datasets
    from opetence_assets.lake.places import lake_at

    rng = random.SystemRandom()
    store, copies = store_of(settings), list(copies_of(settings, policy_for(settings)))
    asked = asked_for(store, name)
    copy = copy_named(settings, source or (asked.copy if asked else rng.choice(copies)))
    chosen, only = drawn(name, store, copy, rng)
    return rehearse(
        name,
        copy,
        chosen,
        original=lake_at(settings),
        store=store,
        scratch=settings.scratch,
        now=datetime.now(UTC),
        judge=failing_checks(all_datasets()),
        only=only,
    )


def _production(settings: Settings, source: str | None) -> Drilled:
    from opetence_assets.backup.copies import store_of
    from opetence_assets.backup.drill_production import drill_production

    if source not in (None, "store"):
        raise typer.BadParameter("the drill of production restores from the store; allowed: --from store")
    now, rng = datetime.now(UTC), random.SystemRandom()
    return drill_production(settings, store_of(settings), now=now, rng=rng, tables=())
