"""``opetence backup`` and ``opetence restore``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opetence_assets.command.output import emit
from opetence_assets.command.status import JsonOption

app = typer.Typer(no_args_is_help=True, help="Snapshots of every zone.")


@app.command("list")
def list_backups(json: JsonOption = False) -> None:
    """Every backup, newest last."""
    from opetence_assets.backup.manifests import manifests
    from opetence_assets.lake.places import place_at
    from opetence_assets.settings import read_settings

    settings = read_settings()
    found = manifests(place_at(settings.backups, settings.storage_options))
    rows = [
        {
            "zone": m.zone,
            "partition": m.partition,
            "release": m.release,
            "tables": len(m.tables),
            "rows": m.rows,
            "bytes": m.bytes,
        }
        for m in found
    ]
    emit(
        rows,
        as_json=json,
        table={n: [row[n] for row in rows] for n in ("zone", "partition", "release", "tables", "rows", "bytes")},
    )


@app.command()
def verify(json: JsonOption = False) -> None:
    """Reads every byte of every backup against its SHA-256; exit code 1 and the names of what is damaged."""
    from opetence_assets.backup.verify import verify as read_all
    from opetence_assets.lake.places import place_at
    from opetence_assets.settings import read_settings

    settings = read_settings()
    damages = read_all(place_at(settings.backups, settings.storage_options))
    rows = [{"file": d.path, "table": d.table, "what": d.what} for d in damages]
    emit(
        {"damaged": rows},
        as_json=json,
        table={
            "damaged": [r["file"] for r in rows],
            "table": [r["table"] for r in rows],
            "what": [r["what"] for r in rows],
        }
        if rows
        else {"backups": ["all bytes as recorded"]},
    )
    raise typer.Exit(1 if rows else 0)


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
