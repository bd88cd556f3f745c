"""``opetence restore``: a release back from its backups."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opetence_assets.command.output import emit
from opetence_assets.command.status import JsonOption

if TYPE_CHECKING:
    from opetence_assets.backup.copies import Copy
    from opetence_assets.settings import Settings


def restore(
    into: Annotated[Path, typer.Argument(help="an empty folder: the new OPETENCE_HOME")],
    day: Annotated[str | None, typer.Option(help="the backup of this day, YYYY-MM-DD; default: the newest")] = None,
    json: JsonOption = False,
) -> None:
    """Restores lake and keys into an empty home; every byte and row count is verified on the way."""
    from opetence_assets.backup.restore import restore as bring_back
    from opetence_assets.lake.places import place_at
    from opetence_assets.settings import read_settings

    settings = read_settings()
    report = bring_back(
        place_at(settings.backups, settings.storage_options),
        partition=day,
        into=place_at(str(into.resolve() / "lake")),
        keys_into=into / "keys" / "keys.sqlite",
        erased_in=settings.keys,
    )
    rows = [{"table": key, "rows": count} for key, count in report.rows.items()]
    emit(
        {"into": str(into), "release": report.release, "tables": rows},
        as_json=json,
        table={"table": [r["table"] for r in rows], "rows restored": [r["rows"] for r in rows]},
        title=f"restored into {into}; to open it: OPETENCE_HOME={into}, and this home's master and hash keys",
    )


def copy_named(settings: Settings, name: str | None) -> Copy:
    """The copy of this name that the environment says where to find; without a name any of them."""
    from opetence_assets.backup.copies import copies_of, policy_for

    copies = copies_of(settings, policy_for(settings))
    if name is None:
        return random.SystemRandom().choice(list(copies.values()))
    if name not in copies:
        raise typer.BadParameter(f"--from {name}: allowed here: {', '.join(copies)}. See docs/guide/backups.md")
    return copies[name]
