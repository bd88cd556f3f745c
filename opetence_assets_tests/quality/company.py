"""A company whose newest day waits in bronze, once as it came and once for every way in which it can be wrong.

The company is the sandbox's, loaded and judged by the functions that the assets call. A case is a lake of its own (hard
links: nothing in a lake is ever changed in place) in which one table still stands at the day before.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from opetence_assets.checks.judging import judge_silver
from opetence_assets.contract.severity import PassRefused
from opetence_assets.dataset import Dataset
from opetence_assets.ingestion.bronze import load
from opetence_assets.lake.commits import commit
from opetence_assets.lake.places import Lake, lake_at, place_at
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.releases import current_release, publish, put_release
from opetence_assets.lake.tables import Table, open_table
from opetence_assets.quality.figures import event_day
from opetence_assets.refinement.files import arrow_schema, staged
from opetence_assets.refinement.judgement import ROW
from opetence_assets.refinement.quarantine import REASON
from opetence_assets.refinement.shape import tidied as refined_rows
from opetence_assets.refinement.shape import with_new_columns
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings, read_settings

FEWEST = 30  # rows of a day's load; of a table that brings fewer, rows of before come again


@dataclass(frozen=True)
class Company:
    """A seeded home, its lake after the newest day, and a copy from before it."""

    home: Path
    datasets: tuple[Dataset, ...]

    @cached_property
    def settings(self) -> Settings:
        return read_settings({"OPETENCE_HOME": str(self.home)})

    @property
    def before(self) -> Path:
        return self.home / "before"

    @cached_property
    def lake(self) -> Lake:
        return lake_at(self.settings)


@dataclass
class Case:
    """One table at the day before, and what its newest load brought.

    Attributes:
        rows: the bronze rows of that load.
        gone: the deletions it brought, which come with whatever becomes of the rows.
        progress: the load's own record (cursor, keys counted).
        now: what ages are told from.
        failed: check → what it found; of quarantine, the reasons of the rows that came to it.
    """

    company: Company
    dataset: Dataset
    lake: Lake
    rows: pl.DataFrame
    gone: pl.DataFrame
    progress: dict[str, Any]
    now: datetime
    failed: dict[str, str] = field(default_factory=dict[str, str])

    def table(self, zone: str) -> Table:
        table = open_table(self.lake, self.dataset.table(zone))
        assert table is not None
        return table


def founded(home: Path, datasets: tuple[Dataset, ...], scale: float, *, days: int = 1) -> Company:
    """Seeds a company, brings its year to silver and judges it; then the same with the days since."""
    os.environ["OPETENCE_REAL_DATA"] = ""
    from sandbox import seed, tick, up

    up(home)
    seed(home, scale, 1, datetime.now(UTC).date() - timedelta(days=days + 1))
    company = Company(home, datasets)
    _brought(company)
    shutil.copytree(company.lake.uri, company.before, copy_function=os.link)
    for _ in range(days):
        tick(home)
    company = Company(home, datasets)
    _brought(company)
    return company


def _brought(company: Company) -> None:
    settings, lake = read_settings({"OPETENCE_HOME": str(company.home)}), company.lake
    versions: dict[str, int] = {}
    for dataset in company.datasets:
        load(dataset, lake, settings)
        done = refine(dataset, lake, settings.scratch)
        silver = open_table(lake, dataset.table("silver"), done.version)
        assert silver is not None
        judge_silver(dataset, lake, silver, now=settings.now())
        versions[silver.key] = silver.version
    publish(lake, versions)


def case_of(company: Company, dataset: Dataset, name: str) -> Case:
    """A lake of its own for one table; the tables it refers to are as they are now."""
    root, own = company.home / "cases" / name, [f"{zone}/{dataset.name}" for zone in ("bronze", "silver", "quarantine")]
    mine = [*own, f"measured/silver/{dataset.name}", f"drift/{dataset.name}"]
    mine += [f"verdicts/{zone}/{dataset.name}" for zone in ("bronze", "silver")]
    for part in mine:
        if (company.before / part).exists():
            shutil.copytree(company.before / part, root / part, copy_function=os.link)
    now = Path(company.lake.uri)
    for part in {"releases", *(f"silver/{reference.to}" for reference in dataset.references)} - set(mine):
        if (now / part).exists():
            shutil.copytree(now / part, root / part, copy_function=os.link)
    bronze, old = open_table(company.lake, dataset.table("bronze")), open_table(place_at(str(root)), own[0])
    assert bronze is not None
    assert old is not None
    new = bronze.new_since(old.version).scan().collect()
    deleted = pl.col("_deleted").fill_null(False) if "_deleted" in new.columns else pl.lit(False)
    rows, gone = new.filter(~deleted), new.filter(deleted)
    if len(rows) < FEWEST:
        held = old.scan()
        if "_deleted" in new.columns:  # what was deleted does not come again
            left = bronze.scan().filter(deleted).select(dataset.key).unique()
            held = held.join(left, on=list(dataset.key), how="anti", nulls_equal=True)
        again = held.tail(FEWEST).collect()
        loaded_at = bronze.scan().select(pl.max("_loaded_at")).collect().item()
        rows = pl.concat([rows, again.with_columns(pl.lit(loaded_at).alias("_loaded_at"))], how="diagonal_relaxed")
    progress = last_progress(company.lake, bronze.key, bronze.version)
    return Case(company, dataset, place_at(str(root)), rows, gone, progress, company.settings.now())


def arrived(case: Case, rows: pl.DataFrame, **progress: Any) -> None:
    """These rows are the newest load."""
    bronze, rows = case.table("bronze"), pl.concat([rows, case.gone], how="diagonal_relaxed")
    files = staged(case.lake, bronze.key, [rows], case.company.settings.scratch)
    metadata = {**case.progress, "rows": len(rows), **progress}
    commit(case.lake, bronze.key, schema=arrow_schema(rows), add=files, metadata=metadata, base=bronze.version)


def overwritten(case: Case, rows: pl.DataFrame, **progress: Any) -> None:
    """Silver as it must never be: written past refinement."""
    silver = case.table("silver")
    files = staged(case.lake, silver.key, [rows], case.company.settings.scratch)
    known = last_progress(case.lake, silver.key, silver.version)
    commit(
        case.lake, silver.key, schema=arrow_schema(rows), add=files, remove=silver.files, metadata={**known, **progress}
    )


def refined(case: Case) -> None:
    """Brings silver up to bronze; a pass that is refused is a check that failed."""
    before = open_table(case.lake, case.dataset.table("quarantine"))
    try:
        refine(case.dataset, case.lake, case.company.settings.scratch)
    except PassRefused as refusal:
        case.failed["within_grades"] = str(refusal)
    after = open_table(case.lake, case.dataset.table("quarantine"))
    if after is not None and after.rows:
        came = after.new_since(before.version if before else None).scan().group_by(REASON).len().sort(REASON)
        told = [f"{rows} rows: {reason}" for reason, rows in came.collect().iter_rows()]
        case.failed |= {"quarantine": "; ".join(told)} if told else {}


def judged(case: Case) -> None:
    """What every check of silver says, as on the round after the release: references are asked of what is released."""
    silver, current = case.table("silver"), current_release(case.lake)
    assert current is not None
    number, versions = current.number + 1, {**current.versions, silver.key: silver.version}
    put_release(case.lake, replace(current, number=number, versions=versions))
    results = judge_silver(case.dataset, case.lake, silver, now=case.now)
    case.failed |= {result.name: result.found for result in results if not result.passed}


def tidied(case: Case, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows as rules see them, with ``ROW`` to find them again."""
    return refined_rows(case.dataset, with_new_columns(case.dataset, rows).with_row_index(ROW))


def on_day(case: Case, rows: pl.DataFrame, day: date) -> pl.Series:
    """Which bronze rows happened on a day, as booleans."""
    return tidied(case, rows).select((event_day(case.dataset) == day).fill_null(False))["day"]


def last_day(case: Case) -> date:
    """The newest day that is over."""
    return case.now.date() - timedelta(days=1)
