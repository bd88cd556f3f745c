"""``opetence postgres``: production's own backup, its log and its restores."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opetence_assets.command.moments import LATEST, moment_of
from opetence_assets.command.output import emit
from opetence_assets.command.status import JsonOption

if TYPE_CHECKING:
    from opetence_assets.lake.places import Lake
    from opetence_assets.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Production's PostgreSQL: backed up each hour, any second restored.")


@app.command()
def receive() -> None:
    """Receives production's log as it is written, until Ctrl-C; `opetence ui` does it too."""
    from opetence_assets.postgres.address import working_folder
    from opetence_assets.postgres.stream import received
    from opetence_assets.settings import read_settings

    settings = read_settings()
    uri = _uri(settings)
    ended = threading.Event()

    def end(signum: int, frame: object) -> None:
        ended.set()

    for wish in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wish, end)
    received(working_folder(settings), uri, settings.variables, ended, lambda said: typer.echo(said, err=True))


@app.command()
def backup(json: JsonOption = False) -> None:
    """Makes this hour's base backup and puts it into the backup store; does nothing if it is there."""
    from opetence_assets.backup.hourly import back_up_production
    from opetence_assets.backup.partitions import partition_of
    from opetence_assets.settings import read_settings

    settings = read_settings()
    _uri(settings)
    made = back_up_production(settings, partition_of("hour", datetime.now(UTC)))
    facts: dict[str, Any] = {
        "hour": made.partition,
        "kind": "full" if made.facts["base"]["parent"] is None else "incremental",
        "files": len(made.files),
        "bytes": made.bytes,
        "bytes copied": made.copied_bytes,
    }
    emit(facts, as_json=json, table={name: [value] for name, value in facts.items()})


@app.command()
def status(json: JsonOption = False) -> None:
    """What can be restored, how far behind the receiver is, and what is wrong; exit code 1 if anything is."""
    from dataclasses import asdict

    from opetence_assets.postgres.address import working_folder
    from opetence_assets.postgres.standing import standing
    from opetence_assets.settings import read_settings

    settings = read_settings()
    found = standing(working_folder(settings), _uri(settings))
    shown = {
        "base backups": found.backups,
        "newest": found.newest_backup,
        "restorable from": found.oldest,
        "restorable to": found.newest,
        "behind (s)": found.behind.total_seconds() if found.behind is not None else None,
        "behind (bytes)": found.lag.bytes if found.lag else None,
        "slot": found.lag.status if found.lag else None,
    }
    emit(asdict(found), as_json=json, table={name: [value] for name, value in shown.items()})
    for problem in found.problems:
        typer.echo(f"production: {problem}", err=True)
    raise typer.Exit(1 if found.problems else 0)


@app.command()
def restore(
    into: Annotated[Path, typer.Argument(help="a new folder for the copy")],
    as_of: Annotated[str, typer.Option(help=f"a moment with its zone, 2026-11-21T15:30:00+01:00, or {LATEST}")],
    json: JsonOption = False,
) -> None:
    """A running copy of production as of a moment, on a private Unix socket; every byte is verified on the way."""
    from opetence_assets.settings import read_settings

    restored_copy(read_settings(), None if as_of == LATEST else moment_of("--as-of", as_of), into, None, as_json=json)


def restored_copy(
    settings: Settings, moment: datetime | None, into: Path, store: Lake | None, *, as_json: bool
) -> None:
    """Restores production as of a moment from a store (None: the platform's own) and says where it runs."""
    from opetence_assets.backup.hourly import restore_production

    done = restore_production(settings, moment, into, store)
    rows = [{"table": name, "rows": count} for name, count in done.rows.items()]
    to_stop = f"opetence postgres stop {done.copy.folder}"
    emit(
        {
            "uri": done.uri,
            "base": done.base,
            "backups": list(done.chain),
            "last transaction": done.reached_at,
            "lsn": done.reached_lsn,
            "timeline": done.timeline,
            "seconds": round(done.seconds, 1),
            "tables": rows,
            "stop": to_stop,
        },
        as_json=as_json,
        table={"table": list(done.rows), "rows": list(done.rows.values())},
        title=f"{done.uri}   last transaction {done.reached_at}, {done.seconds:.1f} s; to stop it: {to_stop}",
    )


@app.command()
def stop(place: Annotated[Path, typer.Argument(help="the folder that a copy was restored into")]) -> None:
    """Stops a restored copy; its data stays."""
    from opetence_assets.postgres.binaries import programs
    from opetence_assets.postgres.private_server import Copy, stopped
    from opetence_assets.settings import read_settings

    version = place / "data" / "PG_VERSION"
    if not version.exists():
        raise typer.BadParameter(f"{place} holds no restored copy")
    stopped(Copy(place.resolve(), programs(read_settings().variables, int(version.read_text()))))


def _uri(settings: Settings) -> str:
    from opetence_assets.postgres.address import URI

    return settings.secret(URI, dataset="production")
