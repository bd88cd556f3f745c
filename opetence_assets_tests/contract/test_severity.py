"""What a broken rule does to a load: goes on and is counted, waits in quarantine, or refuses the pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from opetence_assets.checks.quality import quality_results
from opetence_assets.contract.severity import PassRefused, allowed_rows
from opetence_assets.dataset import Dataset, Grade, Severity
from opetence_assets.ingestion.bronze import load
from opetence_assets.lake.places import Lake
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.tables import Table, open_table
from opetence_assets.refinement.silver import BROKEN, Refined, refine
from opetence_assets.settings import Settings
from opetence_assets_tests.shop import NOON, Shop, sales

AMOUNT, EMAIL = "amount: greater_than_or_equal_to", "email: str_matches"
LATER = NOON + timedelta(hours=1)


def graded(**grades: Grade) -> Dataset:
    names = {"amount": AMOUNT, "email": EMAIL}
    return replace(sales, grades={names[name]: grade for name, grade in grades.items()})


def bring(dataset: Dataset, lake: Lake, settings: Settings) -> Refined:
    load(dataset, lake, settings)
    return refine(dataset, lake, settings.scratch)


def silver_of(lake: Lake) -> Table | None:
    return open_table(lake, "silver/shop/sales")


@pytest.mark.parametrize(
    ("grade", "rows", "allowed"),
    [
        (Grade(), 3, 3),
        (Grade(up_to=0.05), 3, 1),
        (Grade(up_to=0.05), 100, 5),
        (Grade(up_to=0.001), 10_000, 10),
        (Grade(up_to=0.0), 10_000, 0),
        (Grade(Severity.BLOCK), 10_000, 0),
        (Grade(Severity.WARN, up_to=0.5), 10, 5),
    ],
)
def test_a_tolerance_is_a_share_of_the_pass_and_never_less_than_one_row(grade: Grade, rows: int, allowed: int) -> None:
    assert allowed_rows(grade, rows) == allowed


def test_a_blocked_pass_commits_nothing_and_goes_on_once_the_source_is_right(
    shop: Shop, lake: Lake, shop_settings: Settings
) -> None:
    blocking = graded(amount=Grade(Severity.BLOCK))
    shop.sell(range(20))
    first = bring(blocking, lake, shop_settings)
    shop.sell([30], at=LATER)
    shop.sell([7], at=LATER, amount="-1.00")

    for _ in range(2):
        with pytest.raises(
            PassRefused, match=rf"shop/sales: found {AMOUNT}: 1 rows \(allowed: 0\) of 2 new rows"
        ) as no:
            bring(blocking, lake, shop_settings)

    assert (no.value.rows, no.value.excesses[0].found) == (2, 1)
    assert "opetence run --select shop/sales" in str(no.value)
    silver = silver_of(lake)
    assert silver is not None
    assert (silver.version, silver.rows) == (first.version, 20)
    assert open_table(lake, "quarantine/shop/sales").rows == 0  # type: ignore[union-attr]

    shop.sell([7], at=LATER + timedelta(hours=1), amount="12.00")
    done = bring(blocking, lake, shop_settings)

    assert (done.rows_in, done.accepted, done.quarantined) == (3, 2, 1)  # the bad state of the row waits in quarantine


def test_a_deleted_row_no_longer_blocks(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    blocking = graded(amount=Grade(Severity.BLOCK))
    shop.sell(range(20))
    shop.sell([7], amount="-1.00")
    with pytest.raises(PassRefused):
        bring(blocking, lake, shop_settings)
    shop.run("DELETE FROM shop.sales WHERE sale_id = 7")

    assert bring(blocking, lake, shop_settings).accepted == 19


def test_a_changed_grade_lets_the_waiting_rows_through(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(100))
    shop.sell(range(6), email="nobody")
    with pytest.raises(PassRefused, match=r"email: null, email: str_matches: 6 rows \(allowed: 5\) of 100"):
        bring(graded(email=Grade(up_to=0.05)), lake, shop_settings)
    assert silver_of(lake) is None

    done = refine(graded(email=Grade(up_to=0.06)), lake, shop_settings.scratch)

    assert (done.accepted, done.quarantined) == (94, 6)


def test_one_bad_row_of_three_is_no_share(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(3))
    shop.sell([1], amount="-1.00")

    assert bring(graded(amount=Grade(up_to=0.001)), lake, shop_settings).quarantined == 1


def test_a_warning_goes_on_and_is_counted(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    warning = graded(amount=Grade(Severity.WARN), email=Grade(Severity.WARN))
    shop.sell(range(10))
    shop.sell([3, 4], amount="-1.00")

    done = bring(warning, lake, shop_settings)

    silver = silver_of(lake)
    assert silver is not None
    assert (done.accepted, done.quarantined) == (10, 0)
    assert last_progress(lake, silver.key, silver.version)[BROKEN] == {AMOUNT: 2}
    results = {result.name: result for result in quality_results(warning, silver)}
    assert results["rules"].passed
    assert not results["warned"].passed
    assert not results["warned"].blocking
    assert results["warned"].metadata == {f"rows: {AMOUNT}": 2, "keys": "sale_id 3; sale_id 4"}


def test_an_original_that_shares_a_verdict_is_as_serious_as_its_most_serious_rule(
    shop: Shop, lake: Lake, shop_settings: Settings
) -> None:
    shop.sell(range(10))
    shop.sell([3], email="nobody")

    assert bring(graded(email=Grade(Severity.WARN)), lake, shop_settings).quarantined == 1  # it might be null


@pytest.mark.dagster
@pytest.mark.filterwarnings("ignore:The `__fields__` attribute is deprecated")  # Dagster's own
def test_the_orchestrator_shows_the_rule_and_records_no_materialization(
    shop: Shop, lake: Lake, shop_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dagster as dg

    from opetence_assets import resources
    from opetence_assets.lineage.columns import made_graph
    from opetence_assets.zones.silver import WITHIN_GRADES, silver_asset

    monkeypatch.setattr(resources, "_settings", lambda: shop_settings)
    blocking = graded(amount=Grade(Severity.BLOCK))
    assets, given = (
        [silver_asset(blocking, made_graph({"nodes": {}, "sources": {}}, [blocking]))],
        {"platform": resources.Platform()},
    )
    shop.sell(range(5))
    shop.sell([1], amount="-1.00")
    load(blocking, lake, shop_settings)

    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize(assets, resources=given, instance=instance, raise_on_error=False)
        (check,) = run.get_asset_check_evaluations()
        assert not run.success
        assert (check.check_name, check.passed) == (WITHIN_GRADES, False)
        assert check.metadata["found"].value == f"{AMOUNT}: 1 rows (allowed: 0)"
        assert instance.get_latest_materialization_event(dg.AssetKey(["silver", "shop", "sales"])) is None

        shop.sell([1], at=LATER)
        load(blocking, lake, shop_settings)
        again = dg.materialize(assets, resources=given, instance=instance)
        assert [check.passed for check in again.get_asset_check_evaluations()] == [True]
