"""``opetence backup drill``: proves a backup by restoring it."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from opetence_assets.command.output import emit
from opetence_assets.command.status import JsonOption


class Size(StrEnum):
    """What is restored: one table, one zone, everything."""

    PARTITION = "partition"
    ZONE = "zone"
    COMPANY = "company"


def drill(
    name: Annotated[Size, typer.Argument(help="a random table, a random zone, or everything")] = Size.PARTITION,
    source: Annotated[str | None, typer.Option("--from", help="store, restic or offsite; default: any")] = None,
    json: JsonOption = False,
) -> None:
    """Restores into an empty place, compares with the original, runs its checks; exit code 1 if anything differs."""
    from opetence_assets.backup.copies import copies_of, policy_for, store_of
    from opetence_assets.backup.drawing import drawn
    from opetence_assets.backup.drills import drill as rehearse
    from opetence_assets.checks.rejudging import failing_checks
    from opetence_assets.command.recovery import copy_named
    from opetence_assets.datasets import all_datasets
    from opetence_assets.lake.places import lake_at
    from opetence_assets.settings import read_settings

    settings, rng = read_settings(), random.SystemRandom()
    copy = copy_named(settings, source or rng.choice(list(copies_of(settings, policy_for(settings)))))
    store = store_of(settings)
    chosen, only = drawn(name.value, store, copy, rng)
    done = rehearse(
        name.value,
        copy,
        chosen,
        original=lake_at(settings),
        store=store,
        scratch=settings.scratch,
        now=datetime.now(UTC),
        judge=failing_checks(all_datasets()),
        only=only,
    )
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
    for problem in done.wrong:
        typer.echo(f"{done.name} from {done.copy}: {problem}", err=True)
    raise typer.Exit(1 if done.wrong else 0)
