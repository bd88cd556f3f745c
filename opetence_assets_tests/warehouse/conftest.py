"""One gold, built and released once for all processes of a run: a dbt build costs seconds, a copy of its lake
milliseconds.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from opetence_assets.lake.places import Lake, lake_at
from opetence_assets.lake.releases import Release, current_release
from opetence_assets.lake.tables import open_table
from opetence_assets.settings import Settings
from opetence_assets.warehouse.build import GoldBuild, build
from opetence_assets.warehouse.models import Model, read_models
from opetence_assets.warehouse.publish import publish
from opetence_assets.warehouse.results import CheckRun, ModelRun
from opetence_assets_tests.warehouse.silver import SCHEMAS, silver, write

if TYPE_CHECKING:
    from opetence_assets.dataset import Window


@dataclass(frozen=True)
class Warehouse:
    """A lake with silver in it, and what a run does with it."""

    settings: Settings
    folder: Path

    @property
    def lake(self) -> Lake:
        return lake_at(self.settings)

    @property
    def released(self) -> Release:
        release = current_release(self.lake)
        assert release is not None
        return release

    def put(self, tables: dict[str, pl.DataFrame], **metadata: object) -> None:
        """Silver tables as they are from now on."""
        write(self.lake, tables, self.folder, **metadata)

    @contextmanager
    def built(self, rebuild: Window | None = None, **older: int) -> Iterator[GoldBuild]:
        """Gold over the newest silver, but for tables (by their last name) that are pinned to an older version."""
        keys = [f"silver/{name}" for name in SCHEMAS]
        tables = {key: open_table(self.lake, key) for key in keys}
        pinned = {k: older.get(k.rpartition("/")[2], table.version) for k, table in tables.items() if table}
        since = current_release(self.lake)
        made = build(
            self.lake, self.settings, scratch=self.folder / "scratch", sources=pinned, since=since, rebuild=rebuild
        )
        try:
            yield made
        finally:
            made.close()

    def refreshed(self, rebuild: Window | None = None) -> tuple[GoldBuild, Release]:
        """Builds and publishes; the build is closed."""
        with self.built(rebuild) as made:
            return made, publish(made, self.lake, others={})

    def gold(self, name: str, release: Release | None = None) -> pl.DataFrame:
        """A released gold table."""
        versions = (release or self.released).versions
        table = open_table(self.lake, f"gold/{name}", versions[f"gold/{name}"])
        assert table is not None
        return table.scan().collect()


def settings_at(home: Path) -> Settings:
    return Settings(
        environment="local",
        home=home,
        lake=str(home / "lake"),
        backups=str(home / "backups"),
        drop=home / "drop",
        master_key=bytes(32),
        hash_keys={1: bytes(32)},
    )


@dataclass(frozen=True)
class Told:
    """What the first build said."""

    models: dict[str, Model]
    failed: tuple[str, ...]
    model_runs: tuple[ModelRun, ...]
    check_runs: tuple[CheckRun, ...]


First = tuple[Warehouse, Told]


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> First:
    """The first gold ever, released, and what its build said. Not to be changed."""
    mine = tmp_path_factory.getbasetemp()
    home = (mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine) / "gold"
    said = home / "said.json"
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            _make(home, said)
    content = json.loads(said.read_text())
    told = Told(
        models={model.name: model for model in read_models(settings_at(home).manifest)},
        failed=tuple(content["failed"]),
        model_runs=tuple(ModelRun(**run) for run in content["model_runs"]),
        check_runs=tuple(CheckRun(**run) for run in content["check_runs"]),
    )
    return Warehouse(settings_at(home), home), told


def _make(home: Path, said: Path) -> None:
    warehouse = Warehouse(settings_at(home), home)
    warehouse.put(silver())
    with warehouse.built() as made:
        publish(made, warehouse.lake, others={})
        runs = {"model_runs": list(map(asdict, made.model_runs)), "check_runs": list(map(asdict, made.check_runs))}
        said.write_text(json.dumps({"failed": made.failed, **runs}))


@pytest.fixture
def warehouse(first: First, tmp_path: Path) -> Warehouse:
    """A copy of the first gold, to do with as one likes."""
    shutil.copytree(first[0].lake.uri, tmp_path / "lake")
    return replace(first[0], settings=replace(first[0].settings, lake=str(tmp_path / "lake")), folder=tmp_path)


@pytest.fixture
def changed() -> Callable[[pl.DataFrame, pl.Expr, dict[str, object]], pl.DataFrame]:
    """Silver after an upsert: rows where ``which`` holds get these values and the next version."""

    def apply(rows: pl.DataFrame, which: pl.Expr, values: dict[str, object]) -> pl.DataFrame:
        written = {**values, "_version": int(rows["_version"].max() or 0) + 1}  # type: ignore[arg-type]
        return rows.with_columns(
            pl.when(which).then(pl.lit(value, rows.schema[name])).otherwise(pl.col(name)).alias(name)
            for name, value in written.items()
        )

    return apply
