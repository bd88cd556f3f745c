"""What a build said of its models and tests, without a value from the data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import polars as pl

from opetence_assets.privacy.detection import personal_values, told, without_values
from opetence_assets.warehouse.days import COMPLETE, differing_days
from opetence_assets.warehouse.models import Model

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BATCH = 500_000  # rows
NO_PERSONAL_VALUES = "no_personal_values"
GOOD = ("success", "kept", "pass", "warn")


@dataclass(frozen=True)
class ModelRun:
    """One model: ``status`` is success, kept (nothing it is built from changed), error or skipped.

    ``rows`` are those of the whole table, None if it was not built.
    """

    name: str
    status: str
    seconds: float
    rows: int | None
    message: str


@dataclass(frozen=True)
class CheckRun:
    """One test: ``status`` is pass, warn, fail, error or skipped; ``failures`` counts failing rows."""

    name: str
    model: str
    column: str | None
    status: str
    severity: str
    failures: int
    seconds: float
    message: str


def model_runs(con: DuckDBPyConnection, results: list[Any]) -> tuple[ModelRun, ...]:
    """The models of a dbt run's results, each with its rows."""
    runs = [r for r in results if r.node.resource_type == "model"]
    built = [r.node.name for r in runs if r.status == "success"]
    counts = " union all ".join(f"select '{name}', count(*) from gold.{name}" for name in built)  # noqa: S608
    rows: dict[str, int] = dict(con.execute(counts).fetchall()) if built else {}
    return tuple(ModelRun(r.node.name, str(r.status), r.execution_time, rows.get(r.node.name), _told(r)) for r in runs)


def check_runs(con: DuckDBPyConnection, results: list[Any]) -> tuple[CheckRun, ...]:
    """Data tests and unit tests of a dbt run's results."""
    return tuple(
        CheckRun(
            name=r.node.name,
            model=_model_of(r.node),
            column=getattr(r.node, "column_name", None),
            status=str(r.status),
            severity=str(getattr(r.node.config, "severity", "error")).lower(),
            failures=int(r.failures or 0),
            seconds=r.execution_time,
            message=_told(r) + _details(con, r),
        )
        for r in results
        if r.node.resource_type in ("test", "unit_test")
    )


def personal_runs(con: DuckDBPyConnection, models: Iterable[Model], runs: Iterable[ModelRun]) -> Iterator[CheckRun]:
    """What was built, searched for personal values in the clear: one check a model, of a daily one its fresh days."""
    built = {run.name for run in runs if run.status == "success"}
    for model in models:
        texts = [name for name, dtype in model.columns.items() if dtype == "varchar"]
        if model.published and model.name in built and texts:
            yield _personal_run(con, model, texts)


def _personal_run(con: DuckDBPyConnection, model: Model, texts: list[str]) -> CheckRun:
    start, table = perf_counter(), f"{'gold' if model.day is None else 'fresh'}.{model.name}"
    names, found = ", ".join(f'"{name}"' for name in texts), dict[str, dict[str, int]]()
    # Polars searches a value in half the time that DuckDB's own regexp_matches takes, handing over included.
    for batch in con.sql(f"select {names} from {table}").to_arrow_reader(BATCH):  # noqa: S608 - our own names
        for name, kinds in personal_values(pl.DataFrame(batch).lazy(), texts).items():
            known = found.setdefault(name, {})
            found[name] = known | {kind: known.get(kind, 0) + count for kind, count in kinds.items()}
    return CheckRun(
        name=NO_PERSONAL_VALUES,
        model=model.name,
        column=None,
        status="fail" if found else "pass",
        severity="error",
        failures=sum(sum(kinds.values()) for kinds in found.values()),
        seconds=perf_counter() - start,
        message="; ".join(f"{told(kinds)} in {model.table}.{name}" for name, kinds in found.items()),
    )


def _model_of(node: Any) -> str:
    """The model a test belongs to."""
    unit = getattr(node, "tested_node_unique_id", None)
    return str(unit or node.attached_node or node.depends_on.nodes[0]).rsplit(".", 1)[-1]


def _told(result: Any) -> str:
    """dbt's message less everything in quotes: an error of the engine may quote a value from the data."""
    return without_values(str(result.message or "")) if str(result.status) not in ("success", "pass") else ""


def _details(con: DuckDBPyConnection, result: Any) -> str:
    """Where a failed test of ours fails: the rules of ``holds``, which are our own SQL, the days of ``complete``."""
    test = getattr(getattr(result.node, "test_metadata", None), "name", "")
    if str(result.status) not in ("fail", "warn") or test not in ("holds", COMPLETE):
        return ""
    if test == COMPLETE:
        return f"; {differing_days(con, result.node.relation_name)}"
    broken = con.execute(result.node.compiled_code).fetchall()
    return "".join(f"; {rows:,} rows break: {rule}" for rule, rows in broken)
