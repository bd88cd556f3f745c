"""What goes wrong at the source itself: columns that come, go or change their type, files that nobody can read."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl

from opetence_assets.checks.judging import bronze_results
from opetence_assets.dataset import DataError, Dataset
from opetence_assets.ingestion.bronze import load
from opetence_assets.quality.judging import has_age
from opetence_assets.settings import Settings
from opetence_assets_tests.quality.company import Case, last_day
from opetence_assets_tests.quality.kinds import Corruption

NEW = "surprise"
REFUSED = "load"  # a load that was refused is no check: nothing of it came anywhere


def of_tables(dataset: Dataset, bronze: pl.Schema) -> Iterator[Corruption]:
    """The service's own release changed its table overnight."""
    if dataset.feed.kind != "postgres":
        return
    table = f"{dataset.feed.system}.{dataset.feed.name}"
    column = next(
        name
        for name in dataset.schema.to_schema().columns
        if name in bronze and name not in (*dataset.key, dataset.cursor)
    )
    added = (f"ALTER TABLE {table} ADD COLUMN {NEW} text", f"ALTER TABLE {table} DROP COLUMN {NEW}")
    yield Corruption("column added", dataset, "declared_columns", NEW, _altered(*added))
    gone = (f"ALTER TABLE {table} RENAME {column} TO {NEW}", f"ALTER TABLE {table} RENAME {NEW} TO {column}")
    yield Corruption("column removed", dataset, REFUSED, column, _altered(*gone))
    retyped = (
        f"ALTER TABLE {table} RENAME {column} TO {NEW}; ALTER TABLE {table} ADD COLUMN {column} bytea",
        f"ALTER TABLE {table} DROP COLUMN {column}; ALTER TABLE {table} RENAME {NEW} TO {column}",
    )
    yield Corruption("column retyped", dataset, REFUSED, column, _altered(*retyped))


def _altered(change: str, back: str) -> Callable[[Case, random.Random], None]:
    def strike(case: Case, _: random.Random) -> None:
        from adbc_driver_postgresql import dbapi

        from sandbox import up

        with dbapi.connect(up(case.company.home).owner_uri, autocommit=True) as connection:
            with connection.cursor() as cursor:
                for statement in change.split("; "):
                    cursor.execute(statement)
            try:
                _loaded(case, case.company.settings)
            finally:
                with connection.cursor() as cursor:
                    for statement in back.split("; "):
                        cursor.execute(statement)

    return strike


def _loaded(case: Case, settings: Settings) -> None:
    """A real load, and what is said of it."""
    try:
        done = load(case.dataset, case.lake, settings)
    except DataError as error:
        case.failed[REFUSED] = str(error)
        return
    results = bronze_results(case.dataset, case.lake, case.table("bronze"), done.refused)
    case.failed |= {result.name: result.found for result in results if not result.passed}


def of_files(dataset: Dataset, bronze: pl.Schema) -> Iterator[Corruption]:
    """A partner's file that is not what was agreed."""
    if dataset.feed.since is None:
        return
    by = "readable_files" if has_age(dataset) else REFUSED  # where no other file is new, nothing is loaded at all
    ways = {"file of garbage": _garbage, "file cut off": _cut_off, "file of the wrong columns": _other_columns}
    for kind, change in ways.items():
        yield Corruption(kind, dataset, by, f"{dataset.feed.name}_", _dropped(change))


def _garbage(_: bytes) -> bytes:
    return b"\x00\xff" * 300


def _cut_off(whole: bytes) -> bytes:
    return whole[: len(whole) // 2][:-3] + b'"'


def _other_columns(whole: bytes) -> bytes:
    return b"nobody,asked,for\r\n" + whole.partition(b"\n")[2]


def _dropped(change: Callable[[bytes], bytes]) -> Callable[[Case, random.Random], None]:
    def strike(case: Case, _: random.Random) -> None:
        mine, name = Path(case.lake.uri) / "drop", case.dataset.feed.name
        settings = case.company.settings
        shutil.copytree(settings.drop / name, mine / name)
        newest = max((mine / name).iterdir())
        suffix = newest.name.removeprefix(name + "_")[10:]
        day = last_day(case) + timedelta(days=1)
        (mine / name / f"{name}_{day}{suffix}").write_bytes(change(newest.read_bytes()))
        variables = {key: value for key, value in settings.variables.items() if key != "OPETENCE_DROP"}
        _loaded(case, replace(settings, drop=mine, variables=variables))

    return strike
