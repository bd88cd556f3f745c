"""What the orchestrator adds to a step: the same loads as Dagster's assets and as plain calls, with nothing new."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.claims import Claim, Row
from benchmarks.gold import run_whole_path
from benchmarks.measure import Contender, costs
from benchmarks.place import Place, settings_of
from benchmarks.sizes import Size

if TYPE_CHECKING:
    from opetence_assets.dataset import Dataset

NAME, LIMIT, ALLOWED = "orchestrated, above plain calls", "promise", 0.1


def claim(place: Place, size: Size) -> Claim:
    run_whole_path(place, min(size.scale, 0.02))
    arguments = {"home": str(place.home)}
    contenders = [
        Contender("plain", __name__, "plain", arguments),
        Contender(NAME, __name__, "orchestrated", arguments),
    ]
    found = costs(contenders, size.rounds, place.server.pgdata)
    steps, checks = found[NAME].facts["steps"], found[NAME].facts["checks"]
    added = (found[NAME].work - found["plain"].work) / steps
    row = Row(NAME, added, LIMIT, ALLOWED, 1.0, found[NAME], unit="CPU-s a step")
    note = (
        f"{steps} steps: {steps - checks} loads and refinements of all PostgreSQL tables with nothing new, {checks}"
        f" steps of their checks. Plain calls of the same work cost {found['plain'].work:.2f} CPU-s in all; the"
        " difference divided by the steps is what Dagster's in-process executor, events and SQLite storage cost."
    )
    return Claim("An orchestrated step", [row], [note])


def tables() -> list[Dataset]:
    """PostgreSQL's: loads of other systems are mostly the other system's answers."""
    from opetence_assets.datasets import all_datasets

    return [dataset for dataset in all_datasets() if dataset.feed.kind.startswith("postgres")]


def plain(home: str) -> Iterator[Any]:
    from opetence_assets.checks.judging import judge_silver
    from opetence_assets.ingestion.bronze import load
    from opetence_assets.lake.places import lake_at
    from opetence_assets.lake.tables import open_table
    from opetence_assets.refinement.silver import refine

    settings = settings_of(Path(home))
    lake = lake_at(settings)
    import_all()
    yield
    for dataset in tables():
        load(dataset, lake, settings)
        refine(dataset, lake, settings.scratch)
        table = open_table(lake, dataset.table("silver"))
        assert table is not None
        judge_silver(dataset, lake, table, now=settings.now())
    yield


def orchestrated(home: str) -> Iterator[Any]:
    import os

    import dagster as dg

    from opetence_assets.command.instance import prepare_dagster_home

    os.environ["OPETENCE_HOME"], os.environ["OPETENCE_REAL_DATA"] = home, ""
    prepare_dagster_home(settings_of(Path(home)))
    from opetence_assets.definitions import defs

    wanted = {d.table(zone) for d in tables() for zone in ("bronze", "silver")}
    job = defs.resolve_implicit_global_asset_job_def()
    keys = [key for key in defs.resolve_asset_graph().executable_asset_keys if "/".join(key.path) in wanted]
    import_all()
    with dg.DagsterInstance.get() as instance:
        yield
        config = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        result = job.execute_in_process(instance=instance, asset_selection=keys, run_config=config)
        steps = [event for event in result.all_events if event.is_step_success]
        yield {"steps": len(steps), "checks": len(steps) - len(keys)}


def import_all() -> None:
    """What both import while they work, so that neither pays for it alone."""
    import adbc_driver_postgresql.dbapi
    import deltalake
    import dlt
    import pyarrow.parquet

    del adbc_driver_postgresql, deltalake, dlt, pyarrow
