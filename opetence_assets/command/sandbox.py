"""``opetence sandbox``: the company on a laptop."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import date
from typing import Annotated

import typer

from opetence_assets.command.output import emit
from opetence_assets.command.progress import progress_bars
from opetence_assets.command.status import JsonOption
from opetence_assets.settings import home_folder

app = typer.Typer(no_args_is_help=True, help="The company on a laptop: its systems, with seeded data of any size.")
ScaleOption = Annotated[
    float, typer.Option(envvar="OPETENCE_SCALE", help="1 is 20 thousand users and 100 thousand orders")
]


@app.command()
def up(json: JsonOption = False) -> None:
    """Starts the company's systems and writes the addresses and keys of this laptop."""
    from sandbox import up as start

    start(_home())
    emit({"home": str(_home()), "up": True}, as_json=json, table={"sandbox": ["up"], "home": [str(_home())]})


@app.command()
def down() -> None:
    """Stops the company's systems; the data stays."""
    from sandbox import down as stop

    stop(_home())


@app.command()
def seed(
    scale: ScaleOption = 1.0,
    seed: int = 1,
    until: Annotated[str | None, typer.Option(help="the first day that has not happened, YYYY-MM-DD")] = None,
) -> None:
    """Fills the source systems and the drop folder; the same seed gives the same rows."""
    from sandbox import seed as fill

    with progress_bars() as bars:
        fill(_home(), scale, seed, date.fromisoformat(until) if until else None, progress=bars)


@app.command()
def tick(json: JsonOption = False) -> None:
    """Makes the next day happen."""
    from sandbox import tick as advance

    with progress_bars() as bars:
        happened = advance(_home(), progress=bars)
    story = asdict(happened)
    emit(story, as_json=json, table={name: [value] for name, value in story.items()})


@app.command()
def webhooks(
    address: Annotated[str, typer.Option(help="the receiver: opetence webhooks")] = "http://127.0.0.1:3001/stripe",
    days: Annotated[int, typer.Option(help="of the story, the newest")] = 1,
    json: JsonOption = False,
) -> None:
    """Posts the signed payment events of the newest days to a receiver."""
    from opetence_assets.settings import read_settings
    from sandbox import told
    from sandbox.company.webhooks import newest_events, posted

    story = told(_home())
    if story is None:
        raise typer.BadParameter("nothing has happened yet; first: opetence sandbox seed")
    secret = read_settings().secret("STRIPE_WEBHOOK_SECRET", dataset="payments").partition(",")[0]
    sent = posted(address, secret, newest_events(story, days))
    emit({"events": sent}, as_json=json, table={"events": [sent]})


def _home():

    return home_folder(os.environ)
