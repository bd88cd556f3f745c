"""What has to be built again: which models, and of daily models which days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from opetence_assets.lake.places import Lake
from opetence_assets.lake.releases import Release
from opetence_assets.lake.tables import Table, commits, metadata_of, open_table
from opetence_assets.settings import BUSINESS_ZONE
from opetence_assets.warehouse.models import Model

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from opetence_assets.dataset import Window

NEVER = -1  # the version of a silver table that a model has not seen yet


@dataclass(frozen=True)
class Plan:
    """How to build one daily model; a plan with a reason to build it whole has no released table to build on."""

    model: Model
    whole: str = ""  # why, or nothing
    released: Table | None = None
    consumed: Mapping[str, int] = field(default_factory=dict[str, int])
    left: tuple[tuple[str, date], ...] = ()  # (silver key, UTC day) that rows left


def kept_models(
    lake: Lake, models: Iterable[Model], sources: Mapping[str, int], since: Release | None
) -> dict[str, Table]:
    """Published models that cannot have changed, each with its released table.

    Their SQL is the same, and so is the version of every silver table they are built from.
    """
    kept: dict[str, Table] = {}
    for model in models:
        version = since.versions.get(model.table) if since else None
        if version is None:
            continue
        metadata = metadata_of(lake, model.table, version)
        if metadata.get("checksum") == model.checksum and metadata.get("consumed") == seen_by(model, sources):
            table = open_table(lake, model.table, version)
            assert table is not None
            kept[model.name] = table
    return kept


def to_build(models: Iterable[Model], kept: Mapping[str, Table]) -> set[str]:
    """The published models that are not kept, and the steps they are built from."""
    wanted: set[str] = set()
    for model in reversed(list(models)):  # each comes after those it reads
        if model.name in wanted or (model.published and model.name not in kept):
            wanted |= {model.name, *(parent for parent in model.parents if parent not in kept)}
    return wanted


def seen_by(model: Model, sources: Mapping[str, int]) -> dict[str, int]:
    """The versions of the silver tables that a model is built from."""
    return {source: sources[source] for source in model.sources if source in sources}


def plans(lake: Lake, models: Iterable[Model], sources: Mapping[str, int], since: Release | None) -> tuple[Plan, ...]:
    """One plan for each daily model, in the order of ``models``."""
    found: dict[str, Plan] = {}
    for model in models:
        if model.day is not None:
            upstream = [found[parent] for parent in model.parents if parent in found]
            found[model.name] = _plan(lake, model, sources, since, upstream)
    return tuple(found.values())


def rebuilt_days(window: Window | None) -> list[date]:
    """The business days that a span of UTC time touches."""
    if window is None:
        return []
    first = window.start.astimezone(BUSINESS_ZONE).date()
    last = (window.end - timedelta(microseconds=1)).astimezone(BUSINESS_ZONE).date()
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def write_plans(con: DuckDBPyConnection, made: Iterable[Plan], rebuilt: Iterable[date], kept: Iterable[str]) -> None:
    """Fills schema ``build``, which dbt/macros/changed_days.sql reads; no day of a kept model changed."""
    con.execute(
        "create table build.plans (model text, whole boolean);"
        "create table build.consumed (model text, source text, version bigint);"
        "create table build.left_days (model text, source text, day date);"
        "create table build.rebuilt (day date)"
    )
    for plan in made:
        name = plan.model.name
        con.execute("insert into build.plans values (?, ?)", [name, bool(plan.whole)])
        for source, version in plan.consumed.items():
            con.execute("insert into build.consumed values (?, ?, ?)", [name, source, version])
        for source, day in plan.left:
            con.execute("insert into build.left_days values (?, ?, ?)", [name, source, day])
    for day in rebuilt:
        con.execute("insert into build.rebuilt values (?)", [day])
    for name in kept:
        con.execute(f'create table changed."{name}" (day date)')


def _plan(lake: Lake, model: Model, sources: Mapping[str, int], since: Release | None, upstream: list[Plan]) -> Plan:
    version = since.versions.get(model.table) if since else None
    if version is None:
        return Plan(model, "it was never released")
    metadata = metadata_of(lake, model.table, version)
    if metadata.get("checksum") != model.checksum:
        return Plan(model, "its SQL changed")
    if whole := [plan.model.name for plan in upstream if plan.whole]:
        return Plan(model, f"{', '.join(whole)} is built whole")
    consumed = {source: int(metadata["consumed"].get(source, NEVER)) for source in model.sources}
    left: list[tuple[str, date]] = []
    for source, seen in consumed.items():
        days = _days_left(lake, source, seen, sources.get(source, NEVER))
        if days is None:
            return Plan(model, f"{source} cannot tell what changed between versions {seen} and {sources.get(source)}")
        left += [(source, day) for day in days]
    return Plan(model, "", open_table(lake, model.table, version), consumed, tuple(left))


def _days_left(lake: Lake, source: str, seen: int, pinned: int) -> list[date] | None:
    """UTC days that rows left between two versions; None where the log no longer tells."""
    if pinned == seen:
        return []
    if pinned < seen:
        return None  # an older state was pinned: going back is not a change that versions can tell
    history = [c for c in commits(lake, source, None if seen == NEVER else seen) if seen < c.version <= pinned]
    if len(history) != pinned - seen:
        return None
    return sorted({date.fromisoformat(day) for c in history for day in c.metadata.get("days", [])})
