"""``opetence release``: what people read, what would change, and who decides."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opetence_assets.command.output import emit
from opetence_assets.command.status import JsonOption

if TYPE_CHECKING:
    from opetence_assets.lake.places import Lake
    from opetence_assets.review.differences import TableDifference

app = typer.Typer(no_args_is_help=True, help="Releases: list, compare, promote a candidate, go back.")


@app.command("list")
def list_releases(json: JsonOption = False) -> None:
    """Every release, newest last, and the candidate that waits."""
    from opetence_assets.lake.candidates import waiting_candidate
    from opetence_assets.lake.releases import ROLLED_BACK, all_releases

    lake, now = _lake(), datetime.now(UTC)
    rows: list[dict[str, Any]] = [
        {
            "release": made.number,
            "created_at": made.created_at,
            "age_hours": round((now - made.created_at).total_seconds() / 3600, 2),
            "tables": len(made.versions),
            "note": f"back to {made.notes[ROLLED_BACK]}" if ROLLED_BACK in made.notes else _promoted(made.notes),
        }
        for made in all_releases(lake)
    ]
    waiting = waiting_candidate(lake)
    if waiting:
        age = round((now - waiting.created_at).total_seconds() / 3600, 2)
        note = f"waits after release {waiting.base}: opetence release diff, then promote"
        rows.append(
            {
                "release": f"candidate {waiting.number}",
                "created_at": waiting.created_at,
                "age_hours": age,
                "tables": len(waiting.versions),
                "note": note,
            }
        )
    names = ("release", "created_at", "age_hours", "tables", "note")
    emit(rows, as_json=json, table={name: [row[name] for row in rows] for name in names})


@app.command()
def diff(
    before: Annotated[int | None, typer.Argument(help="a release's number; default: the current one")] = None,
    after: Annotated[int | None, typer.Argument(help="a release's number; default: the candidate that waits")] = None,
    every: Annotated[bool, typer.Option("--all", help="silver, quarantine and bronze too, not only gold")] = False,
    json: JsonOption = False,
) -> None:
    """Rows and sums that change from one release to another, or would with the candidate that waits."""
    from opetence_assets.dataset import DataError
    from opetence_assets.lake import releases
    from opetence_assets.lake.candidates import waiting_candidate
    from opetence_assets.review.differences import differences

    lake = _lake()
    first = releases.release(lake, before) if before is not None else releases.current_release(lake)
    then = releases.release(lake, after) if after is not None else waiting_candidate(lake)
    if then is None:
        raise DataError(
            "release",
            found="no candidate that waits",
            allowed="two releases, or a candidate",
            next_command="opetence run --hold, or opetence release diff 1 2",
        )
    was = _shown(first.versions if first else {}, every=every)
    found = differences(lake, was, _shown(then.versions, every=every), _keys())
    what = f"release {after}" if after is not None else f"candidate {then.number}"
    title = f"release {first.number if first else 'none'} → {what}: {len(found)} tables change"
    emit([_as_data(table) for table in found], as_json=json, table=_as_table(found), title=title)


@app.command()
def promote(
    number: Annotated[int | None, typer.Argument(help="a candidate's number; default: the one that waits")] = None,
    json: JsonOption = False,
) -> None:
    """Makes a candidate what everybody reads."""
    from opetence_assets.dataset import DataError
    from opetence_assets.lake import candidates

    lake = _lake()
    chosen = candidates.candidate(lake, number) if number is not None else candidates.waiting_candidate(lake)
    if chosen is None:
        raise DataError(
            "release",
            found="no candidate that waits",
            allowed="one made after the current release",
            next_command="opetence run --hold",
        )
    made = candidates.promote(lake, chosen)
    emit(
        {"release": made.number, "candidate": chosen.number},
        as_json=json,
        table={"release": [made.number], "candidate": [chosen.number]},
    )


@app.command()
def rollback(
    to: Annotated[int, typer.Argument(help="the number of the release to go back to")],
    json: JsonOption = False,
) -> None:
    """Makes an older release current again; what is built from then on waits as a candidate until it is promoted."""
    from opetence_assets.lake.releases import roll_back

    made = roll_back(_lake(), to)
    emit(
        {"release": made.number, "rolled_back_to": to},
        as_json=json,
        table={"release": [made.number], "as": [to], "next": ["opetence run, release diff, release promote"]},
    )


def _lake() -> Lake:
    from opetence_assets.lake.places import lake_at
    from opetence_assets.settings import read_settings

    return lake_at(read_settings())


def _keys() -> dict[str, tuple[str, ...]]:
    """The unique columns of every table that is compared."""
    from opetence_assets.datasets import all_datasets
    from opetence_assets.refinement.shape import table_key
    from opetence_assets.settings import read_settings
    from opetence_assets.warehouse.manifest import ensure_manifest
    from opetence_assets.warehouse.models import read_models

    gold = {model.table: model.key for model in read_models(ensure_manifest(read_settings())) if model.key}
    return {**gold, **{dataset.table("silver"): table_key(dataset) for dataset in all_datasets()}}


def _shown(versions: Mapping[str, int], *, every: bool) -> dict[str, int]:
    return {key: version for key, version in versions.items() if every or key.startswith("gold/")}


def _promoted(notes: Any) -> str:
    return f"candidate {notes['promoted']}, promoted" if "promoted" in notes else ""


def _as_data(table: TableDifference) -> dict[str, Any]:
    return {
        "table": table.key,
        "rows": {"before": table.rows_before, "after": table.rows_after},
        "added": table.added,
        "removed": table.removed,
        "changed": table.changed,
        "columns_added": table.columns_added,
        "columns_removed": table.columns_removed,
        "sums": {name: {"before": old, "after": new} for name, (old, new) in table.sums.items()},
    }


def _as_table(found: list[TableDifference]) -> dict[str, list[Any]]:
    sums = ["; ".join(f"{name} {old:,.2f} → {new:,.2f}" for name, (old, new) in t.sums.items()) for t in found]
    return {
        "table": [t.key for t in found],
        "rows before": [t.rows_before for t in found],
        "after": [t.rows_after for t in found],
        "added": [t.added for t in found],
        "removed": [t.removed for t in found],
        "changed": [t.changed for t in found],
        "sums": sums,
    }
