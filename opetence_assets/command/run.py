"""``opetence run``: the whole path, from the sources to a backed-up release, with a summary at the end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opetence_assets.command.output import emit
from opetence_assets.command.progress import progress_bars
from opetence_assets.command.status import JsonOption

if TYPE_CHECKING:
    from opetence_assets.command.phases import Asked


def run(
    select: Annotated[
        list[str] | None,
        typer.Option(help="SYSTEM/TABLE, or gold: it is built though nothing is new; several times; default: all"),
    ] = None,
    scale: Annotated[
        float, typer.Option(envvar="OPETENCE_SCALE", help="size of the sandbox when it is first seeded")
    ] = 1.0,
    reload: Annotated[bool, typer.Option(help="read the selected sources whole again, not only what is new")] = False,
    hold: Annotated[
        bool, typer.Option(help="leave gold as a candidate: compare it, then opetence release promote")
    ] = False,
    rebuild_from: Annotated[str, typer.Option(help="first day of gold to build again, YYYY-MM-DD")] = "",
    rebuild_to: Annotated[str, typer.Option(help="the day after the last one; default: that one day")] = "",
    json: JsonOption = False,
) -> None:
    """Takes up what changed: sources → bronze → silver → gold, checked, released and backed up. Safe to repeat."""
    from opetence_assets.command.moments import day_of
    from opetence_assets.command.phases import Asked

    first, end = day_of("--rebuild-from", rebuild_from), day_of("--rebuild-to", rebuild_to)
    if end and not first:
        raise typer.BadParameter("--rebuild-to alone; allowed: with --rebuild-from, the first day")
    run_asked(Asked(tuple(select or ()), reload, hold, first, end), scale, json=json)


def run_asked(asked: Asked, scale: float = 1.0, *, json: bool) -> None:
    """Runs what is asked for with progress bars and tells what came of it; exits with 1 where a step failed."""
    from opetence_assets.command.instance import prepare_dagster_home
    from opetence_assets.command.phases import run_phases
    from opetence_assets.command.summary import as_data, show
    from opetence_assets.settings import read_settings
    from opetence_assets.warehouse.manifest import ensure_manifest

    with progress_bars() as bars:
        ensure_sandbox(scale, bars)
        settings = read_settings()
        prepare_dagster_home(settings)
        bars("dbt manifest", 0, 1)
        ensure_manifest(settings)
        bars("dbt manifest", 1, 1)
        outcome = run_phases(settings, asked, bars)
    if json:
        emit(as_data(outcome, settings), as_json=True)
    else:
        show(outcome, settings)
    if not outcome.succeeded:
        raise typer.Exit(1)


def ensure_sandbox(scale: float = 1.0, bars: Any = None) -> None:
    """In the local environment, starts the company on this laptop and fills it once; elsewhere does nothing."""
    from opetence_assets.settings import ENVIRONMENTS, home_folder

    if os.environ.get("OPETENCE_ENV", ENVIRONMENTS[0]) != ENVIRONMENTS[0] or os.environ.get("ORDER_SERVICE_DSN"):
        return
    from sandbox import seed, told, up

    home = home_folder(os.environ)
    home.mkdir(parents=True, exist_ok=True)
    up(home)
    if told(home) is None:  # once: afterwards the story goes on by ticks
        seed(home, scale, 1, progress=bars)
