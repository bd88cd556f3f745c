"""``opetence status``: what is released, how much is in it, and what the checks say."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opetence_assets.command.output import emit

if TYPE_CHECKING:
    from opetence_assets.lake.drift import DriftEvent
    from opetence_assets.lake.places import Lake

JsonOption = Annotated[bool, typer.Option("--json", help="for machines")]


@dataclass(frozen=True)
class TableStatus:
    key: str
    rows: int
    version: int
    updated_at: datetime
    passed: int
    failed: int
    problems: tuple[str, ...]  # failed checks, with what was found


def status(json: JsonOption = False) -> None:
    """Rows, versions, age and checks of every table."""
    from opetence_assets.lake.places import lake_at
    from opetence_assets.lake.releases import current_release
    from opetence_assets.settings import read_settings

    lake = lake_at(read_settings())
    release = current_release(lake)
    tables = table_statuses(lake)
    drift = _drift(lake)
    emit(
        {**as_data(release.number if release else None, tables), "drift": [asdict(event) for event in drift]},
        as_json=json,
        table=as_table(tables),
        title=_title(release),
    )
    for table in tables:
        for problem in table.problems if not json else ():
            typer.echo(f"! {table.key} {problem}")
    for event in drift if not json else ():
        typer.echo(f"~ {event.dataset} {event.change} ({event.outcome}, first seen {event.at})")


def _drift(lake: Lake) -> list[DriftEvent]:
    """Every change of a source's columns that was ever met."""
    from opetence_assets.datasets import all_datasets
    from opetence_assets.lake.drift import drift_events

    return [event for dataset in all_datasets() for event in drift_events(lake, dataset.name)]


def table_statuses(lake: Lake) -> list[TableStatus]:
    """Every table of the lake at its newest version."""
    from opetence_assets.datasets import all_datasets
    from opetence_assets.lake.releases import current_release
    from opetence_assets.lake.tables import commits, open_table
    from opetence_assets.lake.verdicts import verdict

    release = current_release(lake)
    gold = sorted(key for key in (release.versions if release else ()) if key.startswith("gold/"))
    names = [d.table(zone) for zone in ("bronze", "silver", "quarantine") for d in all_datasets()]
    found: list[TableStatus] = []
    for key in [*names, *gold]:
        table = open_table(lake, key, release.versions[key] if release and key in gold else None)
        if table is None:
            continue
        results = verdict(lake, key, table.version) or []
        problems = tuple(f"{r.name}: {r.found} (allowed: {r.allowed})" for r in results if not r.passed)
        passed = sum(result.passed for result in results)
        found.append(
            TableStatus(
                key,
                table.rows,
                table.version,
                commits(lake, key, table.version - 1)[-1].at,
                passed,
                len(problems),
                problems,
            )
        )
    return found


def as_data(release: int | None, tables: list[TableStatus]) -> dict[str, Any]:
    """The documented shape of ``status --json``, but for its ``drift``: a list of `DriftEvent`."""
    datasets = [
        {
            "key": t.key,
            "rows": t.rows,
            "version": t.version,
            "updated_at": t.updated_at,
            "checks": {"passed": t.passed, "failed": t.failed},
        }
        for t in tables
    ]
    return {"release": release, "datasets": datasets}


def as_table(tables: list[TableStatus]) -> dict[str, list[Any]]:
    return {
        "table": [t.key for t in tables],
        "rows": [t.rows for t in tables],
        "version": [t.version for t in tables],
        "updated (UTC)": [t.updated_at for t in tables],
        "checks passed": [t.passed for t in tables],
        "failed": [t.failed for t in tables],
    }


def _title(release: Any) -> str:
    return f"release {release.number} of {release.created_at:%Y-%m-%d %H:%M:%S} UTC" if release else "no release yet"
