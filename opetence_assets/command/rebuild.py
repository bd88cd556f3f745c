"""``opetence rebuild``: silver tables made anew from bronze, after their declaration changed."""

from __future__ import annotations

from typing import Annotated

import typer

from opetence_assets.command.status import JsonOption

Names = Annotated[list[str], typer.Argument(metavar="SYSTEM/TABLE...", help="as opetence plan names them")]


def rebuild(
    names: Names,
    reload: Annotated[
        bool, typer.Option(help="read their sources whole first: bronze does not hold what is now declared")
    ] = False,
    hold: Annotated[
        bool, typer.Option(help="leave gold as a candidate: compare it, then opetence release promote")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Makes silver and quarantine anew from all of bronze, as declared now; then checks, gold and a release.

    People read the last release until the new one is made. Safe to repeat: what would be as it is stays untouched.
    """
    from opetence_assets.command.phases import Asked
    from opetence_assets.command.run import run_asked
    from opetence_assets.dataset import DataError
    from opetence_assets.datasets import dataset_named

    for name in names:
        if reload and dataset_named(name).feed.since is not None:
            raise DataError(
                name,
                found="--reload of a feed that arrives by the day",
                allowed="tables that are read whole",
                next_command=f"materialize the days of bronze/{name} in the UI, then opetence rebuild {name}",
            )
    run_asked(Asked(tuple(names), reload, hold, remake=True), json=json)
