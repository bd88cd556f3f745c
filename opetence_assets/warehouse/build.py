"""Builds gold with dbt in a private in-memory DuckDB over pinned silver; nothing of it is visible to anybody yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from opetence_assets.lake.places import Lake
from opetence_assets.lake.releases import Release
from opetence_assets.lake.tables import Table
from opetence_assets.settings import Settings
from opetence_assets.warehouse.changes import Plan, kept_models, plans, rebuilt_days, to_build, write_plans
from opetence_assets.warehouse.days import rows_by_day
from opetence_assets.warehouse.manifest import PROJECT, ensure_manifest, invoke, parsed_project, project_checksum
from opetence_assets.warehouse.models import Model, declared_sources, read_models, tests_without
from opetence_assets.warehouse.plugin import Preparation, preparing
from opetence_assets.warehouse.results import GOOD, CheckRun, ModelRun, check_runs, model_runs, personal_runs
from opetence_assets.warehouse.views import datasets, register, show_released, show_silver, silver_tables

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

    from opetence_assets.dataset import Window

UNIT_TESTED = "unit_tested.sha256"  # the state of the project that last passed its unit tests


@dataclass(frozen=True)
class Work:
    """What a build has to do.

    Attributes:
        project: the state of the dbt project.
        sources: silver key → the version it is built from.
        since: the release it is based on, whose gold is its base.
        kept: models that are not built because nothing they are built from changed → their released tables.
        plans: how each daily model is built.
    """

    project: str
    sources: Mapping[str, int]
    since: Release | None
    rebuild: Window | None
    unit_tests: bool
    models: Mapping[str, Model]
    kept: Mapping[str, Table]
    plans: Mapping[str, Plan]

    @property
    def wanted(self) -> set[str]:
        """The models to build."""
        return to_build(self.models.values(), self.kept)


@dataclass(frozen=True)
class GoldBuild:
    """A built gold, ready to be published or thrown away. Close it to free its memory.

    Attributes:
        run: a name of its own, the transaction its commits are made under.
        scratch: a folder of its own, gone when it is closed.
        days: daily model → the business days it rebuilt; None if it was built whole.
        counted: rows by day of gold tables and of what they are made from, as ``days.COUNTED``; not of kept models.
    """

    run: str
    work: Work
    scratch: Path
    model_runs: tuple[ModelRun, ...]
    check_runs: tuple[CheckRun, ...]
    days: Mapping[str, tuple[date, ...] | None]
    counted: pl.DataFrame
    connection: DuckDBPyConnection = field(repr=False)
    database: Any = field(repr=False)  # dbt's environment: the connection lives as long as it does

    @property
    def models(self) -> Mapping[str, Model]:
        """Every model of the project by name, each after those it reads."""
        return self.work.models

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
        rmtree(self.scratch, ignore_errors=True)


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
    work = _work(lake, settings, manifest, sources, since, rebuild, unit_tests)
    scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix="gold-", dir=scratch))
    con, database, results = _run(lake, settings, manifest, work, folder) if work.wanted else _idle()
    models = model_runs(con, results)
    built = GoldBuild(
        run=uuid4().hex,
        work=work,
        scratch=folder,
        model_runs=(*models, *_kept_runs(work)),
        check_runs=(*check_runs(con, results), *personal_runs(con, work.models.values(), models)),
        days={name: _days(con, plan) for name, plan in work.plans.items()} | _no_days(work),
        counted=rows_by_day(con, results),
        connection=con,
        database=database,
    )
    if work.unit_tests and all(run.status in GOOD for run in built.check_runs):
        settings.manifest.with_name(UNIT_TESTED).write_text(work.project)
    return built


def _work(
    lake: Lake,
    settings: Settings,
    manifest: Path,
    sources: Mapping[str, int],
    since: Release | None,
    rebuild: Window | None,
    unit_tests: bool | None,
) -> Work:
    models = {model.name: model for model in read_models(manifest)}
    stamp, project = settings.manifest.with_name(UNIT_TESTED), project_checksum()
    if unit_tests is None:
        unit_tests = not (stamp.exists() and stamp.read_text() == project)
    kept = {} if unit_tests or rebuild else kept_models(lake, models.values(), sources, since)
    wanted = to_build(models.values(), kept)
    made = plans(lake, [model for name, model in models.items() if name in wanted], sources, since)
    by_name = {plan.model.name: plan for plan in made}
    return Work(project, dict(sources), since, rebuild, unit_tests, models, kept, by_name)


def _preparation(lake: Lake, manifest: Path, work: Work, scratch: Path) -> Preparation:
    """How the private database comes to see silver, released gold and the plans."""
    needed = sorted({source for name in work.wanted for source in work.models[name].sources})
    declared = declared_sources(manifest)
    silver = silver_tables(lake, needed, work.sources, declared)
    released = {name: plan.released for name, plan in work.plans.items() if plan.released}
    remote = datasets([*silver.values(), *released.values(), *work.kept.values()])

    def each(con: DuckDBPyConnection) -> None:
        con.execute("set TimeZone = 'UTC'")
        register(con, remote)

    def once(con: DuckDBPyConnection) -> None:
        each(con)
        con.execute("".join(f"create schema {name};" for name in ("build", "changed", "released", "fresh", "gold")))
        show_silver(con, silver, declared)
        show_released(con, "released", released)
        show_released(con, "gold", work.kept)
        write_plans(con, work.plans.values(), rebuilt_days(work.rebuild), work.kept)

    return Preparation(once, each, {"temp_directory": str(scratch / "spill")})


def _run(
    lake: Lake, settings: Settings, manifest: Path, work: Work, scratch: Path
) -> tuple[DuckDBPyConnection, Any, list[Any]]:
    """The private database, what keeps it open, and dbt's results."""
    arguments = ["build", "--no-write-json"]
    if not work.unit_tests:
        arguments += ["--exclude-resource-type", "unit_test"]
    if skipped := sorted(set(work.models) - work.wanted):
        # Cautiously: a test that also looks at a model being built is run; one that looks at none is named itself.
        arguments += ["--indirect-selection", "cautious", "--exclude", *skipped, *tests_without(manifest, work.wanted)]
    with preparing(_preparation(lake, manifest, work, scratch)) as database:
        results = list(invoke(arguments, PROJECT, scratch / "dbt", parsed_project(settings)).results)
        environment = database()
    return environment.conn, environment, results


def _idle() -> tuple[DuckDBPyConnection, Any, list[Any]]:
    """As ``_run``, when there is nothing to run."""
    import duckdb

    con = duckdb.connect()
    return con, con, []


def _kept_runs(work: Work) -> list[ModelRun]:
    return [ModelRun(name, "kept", 0.0, table.rows, "") for name, table in work.kept.items()]


def _no_days(work: Work) -> dict[str, tuple[date, ...]]:
    return {name: () for name in work.kept if work.models[name].day is not None}


def _days(con: DuckDBPyConnection, plan: Plan) -> tuple[date, ...] | None:
    if plan.whole:
        return None
    tables = "select 1 from duckdb_tables() where schema_name = 'changed' and table_name = ?"
    if con.execute(tables, [plan.model.name]).fetchone() is None:
        return ()  # a model before it failed
    days = con.execute(f'select day from changed."{plan.model.name}" order by day')  # noqa: S608 - our own name
    return tuple(day for (day,) in days.fetchall())
