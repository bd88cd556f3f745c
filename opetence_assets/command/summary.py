"""What a run did, on one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opetence_assets.settings import Settings

if TYPE_CHECKING:
    from opetence_assets.command.phases import Outcome

DAY = len("2026-11-21")  # of a partition's name, which may be an hour's


def as_data(outcome: Outcome, settings: Settings) -> dict[str, Any]:
    """The summary for machines."""
    return {
        "succeeded": outcome.succeeded,
        "failures": outcome.failures,
        "seconds": outcome.seconds,
        "rows": _rows_by_zone(settings),
        "checks": {"passed": outcome.checks_passed, "failed": outcome.checks_failed, "warnings": outcome.warnings},
        **_standing(settings),
    }


def show(outcome: Outcome, settings: Settings) -> None:
    """The summary for people: rows, checks, release, backup, time, and where to look next."""
    from rich.console import Console
    from rich.table import Table

    from opetence_assets.postgres.address import URI, production_uri

    console = Console()
    for failure in outcome.failures:
        console.print(f"[bold red]failed[/] {failure}", highlight=False, soft_wrap=True, markup=True)
    for failed in outcome.checks_failed:
        console.print(f"[bold red]check[/] {failed}", highlight=False, soft_wrap=True)
    for warning in outcome.warnings:
        console.print(f"[yellow]warning[/] {warning}", highlight=False, soft_wrap=True)
    standing = _standing(settings)
    table = Table(title="Opetence", title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    for zone, (tables, rows) in _rows_by_zone(settings).items():
        table.add_row(zone, f"{rows:,} rows in {tables} tables")
    table.add_row("checks", _counted(outcome))
    table.add_row("release", f"{standing['release'] or 'none yet'}")
    table.add_row("backup", f"{standing['backup'] or 'none yet'}")
    if production_uri(settings) is None:
        table.add_row("production", f"its PostgreSQL is not backed up: {URI} is not set")
    table.add_row("time", "   ".join(f"{name} {seconds:.1f} s" for name, seconds in outcome.seconds.items()))
    table.add_row(
        "next", 'make ui   ·   opetence query "SELECT * FROM gold.daily_revenue"   ·   opetence status   ·   make tick'
    )
    console.print(table)


def _counted(outcome: Outcome) -> str:
    warnings = f", {len(outcome.warnings)} warnings" if outcome.warnings else ""
    return f"{outcome.checks_passed} passed, {len(outcome.checks_failed)} failed{warnings}"


def _rows_by_zone(settings: Settings) -> dict[str, tuple[int, int]]:
    from opetence_assets.command.status import table_statuses
    from opetence_assets.lake.places import lake_at

    zones: dict[str, tuple[int, int]] = {}
    for table in table_statuses(lake_at(settings)):
        zone = table.key.split("/")[0]
        tables, rows = zones.get(zone, (0, 0))
        zones[zone] = (tables + 1, rows + table.rows)
    return zones


def _standing(settings: Settings) -> dict[str, Any]:
    from opetence_assets.backup.manifests import manifest_paths, place_of
    from opetence_assets.lake.places import lake_at, place_at
    from opetence_assets.lake.releases import current_release

    release = current_release(lake_at(settings))
    # What their paths say is enough: a month of backups is not read for one line.
    store = place_at(settings.backups, settings.storage_options)
    backups = [place_of(path) for path in manifest_paths(store)]
    newest = max((partition[:DAY] for _, partition in backups), default=None)
    zones = sorted({zone for zone, partition in backups if partition[:DAY] == newest})
    return {
        "release": f"{release.number} of {release.created_at:%Y-%m-%d %H:%M:%S} UTC" if release else None,
        "backup": f"{newest} ({', '.join(zones)})" if newest else None,
    }
