"""``opetence backup heal``: puts back the files that the lake lost."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from opetence_assets.command.output import emit
from opetence_assets.command.status import JsonOption


def heal(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only says what is missing or differs")] = False,
    json: JsonOption = False,
) -> None:
    """Compares the lake's files with the newest backup byte by byte, and puts back those that are gone or differ."""
    from opetence_assets.backup.choosing import newest_whole
    from opetence_assets.backup.copies import store_of
    from opetence_assets.backup.healing import healed
    from opetence_assets.command.progress import progress_bars
    from opetence_assets.lake.places import lake_at
    from opetence_assets.settings import read_settings

    settings = read_settings()
    store = store_of(settings)
    chosen = newest_whole(store)
    with progress_bars() as bars:
        found = healed(store, lake_at(settings), chosen, dry=dry_run, tell=bars)
    done = "differs" if dry_run else "put back"
    emit(
        {"release": chosen[0].release, "dry_run": dry_run, "files": [asdict(one) for one in found]},
        as_json=json,
        table={
            "table": [one.table for one in found],
            done: [one.file for one in found],
            "what was wrong": [one.what for one in found],
        }
        if found
        else {"lake": [f"every file as in the backup of release {chosen[0].release}"]},
    )
    raise typer.Exit(1 if found and dry_run else 0)
