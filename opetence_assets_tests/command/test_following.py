"""Changes are taken without a run, never beside a step that writes the same table, and what fails is left to runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import dagster as dg
import pytest

from opetence_assets.automation.launcher import bury_dead, process_name
from opetence_assets.command.following import Followed, look
from opetence_assets.dataset import DataError
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import open_table
from opetence_assets.lake.verdicts import verdict
from opetence_assets.settings import Settings
from opetence_assets_tests.conformance.bench import RIGS, Bench, things
from opetence_assets_tests.conformance.rig import Place
from opetence_assets_tests.places import short

pytestmark = pytest.mark.dagster
NAME = "postgres_changes"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    one_writer = {"concurrency": {"pools": {"default_limit": 1, "granularity": "op"}}}
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=one_writer) as made:
        yield made


@pytest.fixture
def bench(lake: Lake, settings: Settings, database: str) -> Iterator[Bench]:
    """A table of which a run has loaded the first rows."""
    with (
        TemporaryDirectory(prefix="fol", dir=short()) as folder,
        RIGS[NAME].opened(Place(Path(folder), lambda: database)) as rig,
    ):
        bench = Bench(NAME, rig, lake, settings)
        bench.put(things(range(5)))
        yield bench


def looked(one: Followed, bench: Bench, instance: dg.DagsterInstance) -> bool:
    """Looks until the source's counters, a second late, have told what was committed."""
    deadline = monotonic() + 10
    before = one.taken
    while not (taken := look(one, bench.lake, bench.settings, instance)) and monotonic() < deadline:
        if one.taken != before or one.not_before:
            break
    return taken


def test_a_change_is_in_silver_and_judged_without_a_run(bench: Bench, instance: dg.DagsterInstance) -> None:
    one = Followed(bench.dataset)
    assert not look(one, bench.lake, bench.settings, instance), "the first load is a run's"
    bench.round()
    bench.put(things([1, 7], hours=1, amount=70))

    assert looked(one, bench, instance)

    bench.agrees()
    silver = open_table(bench.lake, bench.dataset.table("silver"))
    assert silver is not None
    assert verdict(bench.lake, silver.key, silver.version)
    assert not looked(one, bench, instance), "nothing more"


@pytest.mark.parametrize("zone", ["bronze", "silver"])
def test_a_table_that_a_step_writes_is_left_alone(bench: Bench, instance: dg.DagsterInstance, zone: str) -> None:
    one, storage = Followed(bench.dataset), instance.event_log_storage
    bench.round()
    before = bench.table("silver")
    bench.put(things([8], hours=1))
    pool = f"lake_{bench.dataset.table(zone).replace('/', '_')}"
    storage.initialize_concurrency_limit_to_default(pool)
    assert storage.claim_concurrency_slot(pool, "a run", "its step").is_claimed

    assert not look(one, bench.lake, bench.settings, instance)
    assert bench.table("silver").equals(before)

    storage.free_concurrency_slot_for_step("a run", "its step")
    look(one, bench.lake, bench.settings, instance)
    bench.agrees()
    assert storage.get_concurrency_run_ids() == set()


def test_a_source_that_is_down_is_left_to_its_runs(bench: Bench, instance: dg.DagsterInstance) -> None:
    one = Followed(bench.dataset)
    bench.round()
    assert bench.rig.wrong is not None
    settings = bench.rig.settings(bench.settings, bench.rig.wrong)
    with pytest.raises(DataError):
        bench.dataset.feed.fingerprint(bench.dataset, settings)

    assert not look(one, bench.lake, settings, instance)

    assert one.not_before > monotonic()


def test_the_hold_of_a_killed_follower_is_freed_and_of_a_living_one_is_not(instance: dg.DagsterInstance) -> None:
    storage, living = instance.event_log_storage, process_name(os.getpid())
    for pool, process in (("lake_one", living), ("lake_other", "4000000 1.00")):
        storage.initialize_concurrency_limit_to_default(pool)
        assert storage.claim_concurrency_slot(pool, process, "follow").is_claimed

    bury_dead(instance)

    assert storage.get_concurrency_run_ids() == {living}
