"""``opetence quarantine``: what was refused, why, and giving it another chance."""

from __future__ import annotations

from typing import Annotated

import typer

from opetence_assets.command.output import emit
from opetence_assets.command.status import JsonOption

app = typer.Typer(no_args_is_help=True, help="Refused rows: list them, replay them.")


@app.command("list")
def list_refused(json: JsonOption = False) -> None:
    """Refused rows by dataset and reason; never their values."""
    from opetence_assets.datasets import all_datasets
    from opetence_assets.lake.places import lake_at
    from opetence_assets.refinement.replay import refusals
    from opetence_assets.settings import read_settings

    lake = lake_at(read_settings())
    rows = [row for dataset in all_datasets() for row in refusals(dataset, lake)]
    emit(
        rows, as_json=json, table={n: [row[n] for row in rows] for n in ("dataset", "reason", "rows", "rules", "since")}
    )


@app.command()
def replay(
    dataset: Annotated[str, typer.Argument(help="SYSTEM/TABLE")],
    json: JsonOption = False,
) -> None:
    """Judges a dataset's refused rows by today's rules; those that pass move to silver."""
    from opetence_assets.datasets import dataset_named
    from opetence_assets.lake.places import lake_at
    from opetence_assets.refinement.replay import replay as judge_again
    from opetence_assets.settings import read_settings

    settings = read_settings()
    done = judge_again(dataset_named(dataset), lake_at(settings), settings.scratch)
    emit(
        {"dataset": dataset, "accepted": done.accepted, "still_refused": done.still_refused},
        as_json=json,
        table={"dataset": [dataset], "accepted": [done.accepted], "still refused": [done.still_refused]},
    )
