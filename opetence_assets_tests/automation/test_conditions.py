"""Gold follows silver: once a version, when all of silver is at rest, and never what failed its checks."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from opetence_assets.zones.translation import RELEASE, silver_is_news

pytestmark = pytest.mark.dagster
ORDERS, USERS, MART = dg.AssetKey(["silver", "orders"]), dg.AssetKey(["silver", "users"]), dg.AssetKey(["gold", "mart"])


def silver(key: dg.AssetKey) -> dg.AssetsDefinition:
    @dg.asset(
        key=key,
        config_schema={"version": str, "fine": dg.Field(bool, default_value=True)},
        check_specs=[dg.AssetCheckSpec("rules", asset=key, blocking=True)],
    )
    def table(context: dg.AssetExecutionContext):
        config = context.op_execution_context.op_config
        return dg.MaterializeResult(
            data_version=dg.DataVersion(config["version"]),
            check_results=[dg.AssetCheckResult(passed=config["fine"])],
        )

    return table


@dg.multi_asset(
    specs=[
        dg.AssetSpec(MART, deps=[ORDERS, USERS]),
        dg.AssetSpec(RELEASE, deps=[MART], automation_condition=silver_is_news([ORDERS, USERS])),
    ]
)
def gold() -> Iterator[dg.MaterializeResult[Any]]:
    yield dg.MaterializeResult(asset_key=MART)
    yield dg.MaterializeResult(asset_key=RELEASE)


TABLES = [silver(ORDERS), silver(USERS)]
DEFS = dg.Definitions([*TABLES, gold])


class Day:
    """One instance and where its conditions were left."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance, self.cursor = instance, None

    def refined(self, *versions: str, fine: bool = True) -> None:
        ops = {
            f"silver__{key.path[1]}": {"config": {"version": version, "fine": fine}}
            for key, version in zip((ORDERS, USERS), versions, strict=True)
        }
        dg.materialize(TABLES, instance=self.instance, run_config={"ops": ops}, raise_on_error=False)

    def requested(self) -> set[str]:
        found = dg.evaluate_automation_conditions(DEFS, self.instance, cursor=self.cursor)
        self.cursor = found.cursor
        return {key.path[-1] for key in (MART, RELEASE) if found.get_num_requested(key)}


@pytest.fixture
def day() -> Iterator[Day]:
    with dg.DagsterInstance.ephemeral() as instance:
        started = Day(instance)
        started.refined("1", "1")
        assert started.requested() == set()  # what was there before is not news
        yield started


def test_a_new_version_asks_for_all_of_gold_once(day: Day) -> None:
    day.refined("2", "1")
    assert day.requested() == {"mart", "release"}
    assert day.requested() == set()


def test_a_load_that_changed_nothing_asks_for_nothing(day: Day) -> None:
    day.refined("1", "1")
    assert day.requested() == set()


def test_a_change_while_gold_was_being_built_is_not_forgotten(day: Day) -> None:
    day.refined("2", "1")
    assert day.requested() == {"mart", "release"}
    day.refined("3", "1")
    dg.materialize([gold, *TABLES], selection=[MART, RELEASE], instance=day.instance)  # of version 2
    assert day.requested() == {"mart", "release"}


def test_what_failed_a_blocking_check_waits_until_it_is_mended(day: Day) -> None:
    day.refined("2", "1", fine=False)
    assert day.requested() == set()
    day.refined("3", "1")
    assert day.requested() == {"mart", "release"}
