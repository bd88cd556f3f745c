"""``opetence backup``: what there is, whether it reads, and the rest of the tree, each part in a file of its own."""

from __future__ import annotations

import typer

from opetence_assets.command import copying, healing, rehearsing, standing, tiers
from opetence_assets.command.output import emit
from opetence_assets.command.status import JsonOption

app = typer.Typer(no_args_is_help=True, help="Copies of every zone: how they stand, what is due, what proves them.")
app.command("status")(standing.status)
app.command("plan")(copying.plan)
app.command("copy")(copying.copy)
app.command("collect")(copying.collect)
app.command("heal")(healing.heal)
app.command("drill")(rehearsing.drill)
app.command("tiers")(tiers.tiers)


@app.command("list")
def list_backups(json: JsonOption = False) -> None:
    """Every backup, newest last."""
    from opetence_assets.backup.copies import store_of
    from opetence_assets.backup.manifests import manifests
    from opetence_assets.settings import read_settings

    found = manifests(store_of(read_settings()))
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
    from opetence_assets.backup.copies import store_of
    from opetence_assets.backup.verify import verify as read_all
    from opetence_assets.command.progress import progress_bars
    from opetence_assets.settings import read_settings

    with progress_bars() as bars:
        damages = read_all(store_of(read_settings()), tell=bars)
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
