"""Builds gold with dbt in a private in-memory DuckDB over pinned silver; nothing of it is visible to anybody yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from opetence_assets.lake.places import Lake
from opetence_assets.lake.releases import Release
from opetence_assets.lake.tables import Table
from opetence_assets.settings import Settings
from opetence_assets.warehouse.changes import Plan, kept_models, plans, rebuilt_days, to_build, write_plans
from opetence_assets.warehouse.manifest import PROJECT, ensure_manifest, invoke, parsed_project, project_checksum
from opetence_assets.warehouse.models import Model, declared_sources, read_models, tests_without
from opetence_assets.warehouse.plugin import Prepare, preparing
from opetence_assets.warehouse.results import GOOD, CheckRun, ModelRun, check_runs, model_runs
from opetence_assets.warehouse.views import show_released, show_silver

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from opetence_assets.dataset import Window

UNIT_TESTED = "unit_tested.sha256"  # the state of the project that last passed its unit tests


@dataclass(frozen=True)
class GoldBuild:
    """A built gold, ready to be published or thrown away. Close it to free its memory.

    Attributes:
        project: the state of the dbt project it was built with.
        run: a name of its own, the transaction its commits are made under.
        sources: the silver versions it was built from.
        since: the release it was built on, whose gold is its base.
        kept: models that were not built because nothing they are built from changed → their released tables.
        plans: how each daily model was built.
        days: daily model → the business days it rebuilt; None if it was built whole.
    """

    project: str
    run: str
    sources: Mapping[str, int]
    since: Release | None
    scratch: Path
    models: Mapping[str, Model]
    kept: Mapping[str, Table]
    plans: Mapping[str, Plan]
    model_runs: tuple[ModelRun, ...]
    check_runs: tuple[CheckRun, ...]
    days: Mapping[str, tuple[date, ...] | None]
    connection: DuckDBPyConnection = field(repr=False)
    database: Any = field(repr=False)  # dbt's environment: the connection lives as long as it does

    @property
    def passed(self) -> bool:
        """Every model was built and every test of severity error passed."""
        return not self.failed

    @property
    def failed(self) -> tuple[str, ...]:
        """The models and tests that keep this build from being published, each with its message."""
        runs = (*self.model_runs, *self.check_runs)
        return tuple(f"{run.name}: {run.message or run.status}" for run in runs if run.status not in GOOD)

    def close(self) -> None:
        self.database.close()


def build(
    lake: Lake,
    settings: Settings,
    *,
    scratch: Path,
    sources: Mapping[str, int],
    since: Release | None,
    rebuild: Window | None = None,
    unit_tests: bool | None = None,
) -> GoldBuild:
    """Builds what changed over ``sources`` (silver key → version) and tests it.

    A model is kept as released if neither its SQL nor a version it is built from changed. Daily models rebuild the days
    that changed since ``since`` and the business days of ``rebuild``; one that was never released, or whose SQL
    changed, is built whole. ``unit_tests`` None runs them if the project changed since they last passed; then, and with
    ``rebuild``, no model is kept.

    Raises:
        ProjectBroken: dbt could not run at all. Failing models or tests do not raise: see ``GoldBuild.passed``.
        MissingSilver: a silver table a model needs has no version, and its types are not declared.
    """
    manifest = ensure_manifest(settings)
    models = {model.name: model for model in read_models(manifest)}
    stamp, checksum = settings.manifest.with_name(UNIT_TESTED), project_checksum()
    if unit_tests is None:
        unit_tests = not (stamp.exists() and stamp.read_text() == checksum)
    kept = {} if unit_tests or rebuild else kept_models(lake, models.values(), sources, since)
    wanted = to_build(models.values(), kept)
    made = plans(lake, [models[name] for name in models if name in wanted], sources, since)
    needed = sorted({source for name in wanted for source in models[name].sources})
    scratch.mkdir(parents=True, exist_ok=True)

    def prepare(con: DuckDBPyConnection) -> None:
        con.execute("set TimeZone = 'UTC'")
        con.execute("".join(f"create schema {name};" for name in ("build", "changed", "released", "fresh", "gold")))
        show_silver(con, lake, {source: sources.get(source) for source in needed}, declared_sources(manifest))
        show_released(con, "released", {plan.model.name: plan.released for plan in made if plan.released})
        show_released(con, "gold", kept)
        write_plans(con, made, rebuilt_days(rebuild))
        for name in kept:
            con.execute(f'create table changed."{name}" (day date)')

    skipped = [*sorted(set(models) - wanted), *tests_without(manifest, wanted)]
    con, database, results = _run(settings, scratch, prepare, skipped, unit_tests) if wanted else _nothing(prepare)
    checks = check_runs(con, results)
    if unit_tests and all(run.status in GOOD for run in checks):
        stamp.write_text(checksum)
    return GoldBuild(
        project=checksum,
        run=uuid4().hex,
        sources=dict(sources),
        since=since,
        scratch=scratch,
        models=models,
        kept=kept,
        plans={plan.model.name: plan for plan in made},
        model_runs=(*model_runs(con, results), *(ModelRun(n, "kept", 0.0, t.rows, "") for n, t in kept.items())),
        check_runs=checks,
        days={plan.model.name: _days(con, plan) for plan in made}
        | {name: () for name in kept if models[name].day is not None},
        connection=con,
        database=database,
    )


def _run(
    settings: Settings, scratch: Path, prepare: Prepare, skipped: list[str], unit_tests: bool
) -> tuple[DuckDBPyConnection, Any, list[Any]]:
    """The private database, what keeps it open, and dbt's results."""
    arguments = ["build", "--no-write-json"]
    if not unit_tests:
        arguments += ["--exclude-resource-type", "unit_test"]
    if skipped:  # cautiously: a test that also looks at a model being built is run
        arguments += ["--indirect-selection", "cautious", "--exclude", *skipped]
    with preparing(prepare, {"temp_directory": str(scratch / "spill")}) as database:
        results = list(invoke(arguments, PROJECT, scratch / "dbt", parsed_project(settings)).results)
        environment = database()
    return environment.conn, environment, results


def _nothing(prepare: Prepare) -> tuple[DuckDBPyConnection, Any, list[Any]]:
    import duckdb

    con = duckdb.connect()
    prepare(con)
    return con, con, []


def _days(con: DuckDBPyConnection, plan: Plan) -> tuple[date, ...] | None:
    if plan.whole:
        return None
    known = con.execute(
        "select 1 from duckdb_tables() where schema_name = 'changed' and table_name = ?", [plan.model.name]
    )
    if known.fetchone() is None:
        return ()  # a model before it failed
    days = con.execute(f'select day from changed."{plan.model.name}" order by day')  # noqa: S608 - our own name
    return tuple(day for (day,) in days.fetchall())
