"""``opetence quarantine``: what was refused, why, and what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from opetence_assets.command.output import emit
from opetence_assets.command.status import JsonOption

if TYPE_CHECKING:
    from opetence_assets.dataset import Dataset
    from opetence_assets.lake.places import Lake
    from opetence_assets.refinement.replay import Choice
    from opetence_assets.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Refused rows: list, show, mend, replay, discard.")
Name = Annotated[str, typer.Argument(help="SYSTEM/TABLE")]
Ids = Annotated[list[str] | None, typer.Option("--id", help="a row's number, from show; may be given several times")]
Reason = Annotated[str, typer.Option(help="only rows whose reason holds this text")]
Because = Annotated[str, typer.Option(help="why; kept with the row")]


@app.command("list")
def list_refused(json: JsonOption = False) -> None:
    """Refused rows by dataset and reason; never their values."""
    from opetence_assets.datasets import all_datasets
    from opetence_assets.lake.places import lake_at
    from opetence_assets.refinement.replay import refusals
    from opetence_assets.settings import read_settings

    lake = lake_at(read_settings())
    rows = [row for dataset in all_datasets() for row in refusals(dataset, lake)]
    names = ("dataset", "reason", "rows", "discarded", "rules", "since")
    emit(rows, as_json=json, table={n: [row[n] for row in rows] for n in names})


@app.command()
def show(name: Name, ids: Ids = None, reason: Reason = "", limit: int = 20, json: JsonOption = False) -> None:
    """Waiting rows with every rule they break, the load they came in and what is not personal of their values."""
    from opetence_assets.lake.tables import open_table
    from opetence_assets.refinement.decisions import mendable
    from opetence_assets.refinement.quarantine import BRONZE_VERSION, MENDED, REASON, REFUSAL, RULES_VERSION, held

    dataset, lake, _ = _place(name)
    table = open_table(lake, dataset.table("quarantine"))
    rows: list[dict[str, Any]] = []
    if table is not None and table.rows:
        found = held(table)
        about = {"id": REFUSAL, "reason": REASON, "rules": RULES_VERSION, "load": "_load_id", "loaded_at": "_loaded_at"}
        about |= {"bronze_version": BRONZE_VERSION, "mended": MENDED}
        chosen = found.filter(_choice(ids, reason).rows()).head(limit)
        shown = {**about, **{column: column for column in mendable(dataset, found)}}
        rows = chosen.select(pl_column.alias(name) for name, pl_column in _columns(shown).items()).to_dicts()
    emit(rows, as_json=json, table={n: [row[n] for row in rows] for n in (rows[0] if rows else ("id", "reason"))})


@app.command()
def replay(name: Name, ids: Ids = None, reason: Reason = "", json: JsonOption = False) -> None:
    """Judges waiting rows by today's rules; those that pass move to silver, each once."""
    from opetence_assets.refinement.replay import replay as judge_again

    dataset, lake, settings = _place(name)
    done = judge_again(dataset, lake, settings.scratch, _choice(ids, reason))
    emit(
        {
            "dataset": name,
            "accepted": done.accepted,
            "overtaken": done.overtaken,
            "still_refused": done.still_refused,
        },
        as_json=json,
        table={
            "dataset": [name],
            "accepted": [done.accepted],
            "of these overtaken since": [done.overtaken],
            "still refused": [done.still_refused],
            "next": ["opetence run   (checks and releases it)" if done.accepted else ""],
        },
    )


@app.command()
def discard(name: Name, because: Because, ids: Ids = None, reason: Reason = "", json: JsonOption = False) -> None:
    """Gives waiting rows up: they stay in quarantine with the reason, and are not replayed."""
    from opetence_assets.refinement.decisions import discard as give_up

    dataset, lake, settings = _place(name)
    done = give_up(dataset, lake, settings.scratch, _choice(ids, reason), because)
    emit({"dataset": name, "discarded": done}, as_json=json, table={"dataset": [name], "discarded": [done]})


@app.command()
def mend(
    name: Name,
    row: Annotated[str, typer.Option("--id", help="the row's number, from show")],
    values: Annotated[list[str], typer.Option("--set", help="COLUMN=VALUE; may be given several times")],
    because: Because,
    json: JsonOption = False,
) -> None:
    """Sets what is wrong in one waiting row; bronze stays as it came. Replay then judges it."""
    from opetence_assets.refinement.decisions import mend as set_values

    dataset, lake, settings = _place(name)
    pairs = {column: value for column, _, value in (text.partition("=") for text in values)}
    set_values(dataset, lake, settings.scratch, row, pairs, because)
    after = f"opetence quarantine replay {name} --id {row}"
    emit({"dataset": name, "mended": row}, as_json=json, table={"dataset": [name], "mended": [row], "next": [after]})


def _place(name: str) -> tuple[Dataset, Lake, Settings]:
    from opetence_assets.datasets import dataset_named
    from opetence_assets.lake.places import lake_at
    from opetence_assets.settings import read_settings

    settings = read_settings()
    return dataset_named(name), lake_at(settings), settings


def _choice(ids: list[str] | None, reason: str) -> Choice:
    from opetence_assets.refinement.replay import Choice

    return Choice(tuple(ids or ()), reason)


def _columns(names: dict[str, str]) -> dict[str, Any]:
    import polars as pl

    return {name: pl.col(column) for name, column in names.items()}
