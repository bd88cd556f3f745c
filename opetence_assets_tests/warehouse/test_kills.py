"""kill -9 before each commit of a publish: readers see one whole release or the other, and a new run is right.

The victim is a process of its own that kills itself in the audit event Python raises before ``os.link``, by which the
lake makes every commit and release visible. It publishes a database that dbt built here, so a kill costs no build.
"""

from __future__ import annotations

import signal
from dataclasses import replace

import polars as pl
import pytest

from opetence_assets.lake.releases import current_release
from opetence_assets.lake.tables import open_table
from opetence_assets.warehouse.build import GoldBuild
from opetence_assets_tests.kills import context
from opetence_assets_tests.warehouse.conftest import Warehouse
from opetence_assets_tests.warehouse.silver import silver
from opetence_assets_tests.warehouse.victim import publish_and_die

pytestmark = pytest.mark.dagster


def test_a_publish_killed_at_any_commit(warehouse: Warehouse) -> None:
    orders = silver()["order_service/orders"]
    one = pl.col("order_id") == orders["order_id"][4]
    orders = orders.with_columns(
        pl.when(one).then(3).otherwise("microzone_id").cast(pl.Int32).alias("microzone_id"),  # few tables tell of it
        pl.when(one).then(1).otherwise("_version").alias("_version"),
    )
    warehouse.put({"order_service/orders": orders})
    first, database = warehouse.released, warehouse.folder / "saved.duckdb"
    with warehouse.built() as made:
        assert made.passed, made.failed
        made.connection.execute(f"attach '{database}' as saved; copy from database memory to saved; detach saved")
        tables = [model.table for model in made.models.values() if model.published]
        wanted = {key: rows(made, key) for key in tables}
        saved = replace(made, connection=None, database=None)  # type: ignore[arg-type]
    before = {key: released(warehouse, key, first.versions[key]) for key in tables}

    forked, kills = context(), 0
    while True:
        victim = forked.Process(target=publish_and_die, args=(saved, database, warehouse.lake, kills + 1))
        victim.start()
        victim.join()
        if victim.exitcode == 0:
            break
        assert victim.exitcode == -signal.SIGKILL
        assert current_release(warehouse.lake) == first
        kills += 1
    assert kills >= 5, "each changed table's commit, and the release"
    assert all(released(warehouse, key, first.versions[key]).equals(before[key]) for key in tables)
    second = warehouse.released
    assert second.number == first.number + 1
    for key in tables:
        assert released(warehouse, key, second.versions[key]).equals(wanted[key]), key
    assert second.versions["gold/fct_orders"] > first.versions["gold/fct_orders"] + kills // 2, (
        "kills left commits behind"
    )
    assert second.versions["gold/fct_shipments"] == first.versions["gold/fct_shipments"]


def rows(made: GoldBuild, key: str) -> pl.DataFrame:
    """A built table, sorted."""
    model = made.models[key.removeprefix("gold/")]
    return made.connection.sql(f"select {', '.join(model.columns)} from gold.{model.name}").pl().sort(pl.all())


def released(warehouse: Warehouse, key: str, version: int) -> pl.DataFrame:
    """A table as a reader of that release sees it, sorted."""
    table = open_table(warehouse.lake, key, version)
    assert table is not None
    return table.scan().collect().sort(pl.all())
