"""``opetence restore --in-place``: what was current at a moment becomes current again, as a new release."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from opetence_assets.command.output import emit

if TYPE_CHECKING:
    from opetence_assets.backup.healing import Healed
    from opetence_assets.settings import Settings


def gone_back(settings: Settings, moment: datetime, source: str | None, *, as_json: bool) -> None:
    """Rolls back to the release as of a moment; with a ``source`` puts back first what the lake lost of it.

    Raises:
        RestoreRefused: there was no release then, or it is current already.
        Gated: a check of one of its versions fails.
    """
    from opetence_assets.backup.choosing import RestoreRefused
    from opetence_assets.lake.places import lake_at
    from opetence_assets.lake.releases import current_release, release_as_of, roll_back

    lake = lake_at(settings)
    wanted, current = release_as_of(lake, moment), current_release(lake)
    if wanted is None or current is None:
        raise RestoreRefused(f"{lake.uri}: found no release as of {moment}. Next: opetence restore --from store --into")
    found = _healed(settings, moment, source) if source not in (None, "lake") else []
    if wanted.number == current.number:
        if not found:
            raise RestoreRefused(f"release {wanted.number} was current then and is still. Next: opetence backup heal")
        made = current
    else:
        made = roll_back(lake, wanted.number)
    older = round((moment - wanted.created_at).total_seconds(), 1)
    what = "opetence run, release diff, release promote"
    emit(
        {
            "release": made.number,
            "as": wanted.number,
            "older_seconds": older,
            "files_put_back": len(found),
            "next": what,
        },
        as_json=as_json,
        table={
            "release": [made.number],
            "as": [wanted.number],
            "older (s)": [older],
            "put back": [len(found)],
            "next": [what],
        },
    )


def _healed(settings: Settings, moment: datetime, source: str | None) -> list[Healed]:
    from opetence_assets.backup.copies import store_of
    from opetence_assets.backup.gathering import Asked, chosen_of, from_copy
    from opetence_assets.backup.healing import healed
    from opetence_assets.command.progress import progress_bars
    from opetence_assets.command.recovery import copy_named
    from opetence_assets.lake.places import lake_at, place_at

    asked, lake = Asked(moment), lake_at(settings)
    with progress_bars() as bars:
        if source == "store":
            return healed(store_of(settings), lake, chosen_of(store_of(settings), asked), tell=bars)
        settings.scratch.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=settings.scratch) as folder:
            store = place_at(str(Path(folder)))
            return healed(
                store, lake, from_copy(copy_named(settings, str(source)), store, asked, None, bars), tell=bars
            )
