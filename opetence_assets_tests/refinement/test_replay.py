"""Refused rows: each moves once, wherever the replay dies; none comes back from the dead; decisions are kept."""

from __future__ import annotations

import signal
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from opetence_assets.checks.completeness import completeness_results
from opetence_assets.dataset import DataError, Deletes
from opetence_assets.lake.places import Lake, lake_at
from opetence_assets.refinement.decisions import discard, mend
from opetence_assets.refinement.quarantine import DISCARDED, DUPLICATE, REFUSAL
from opetence_assets.refinement.replay import ALL, Choice, Replayed, replay
from opetence_assets.settings import Settings
from opetence_assets_tests.kills import context, dying
from opetence_assets_tests.refinement.brought import bring, strict, table
from opetence_assets_tests.refinement.conservation import prove
from opetence_assets_tests.shop import NOON, Shop, sales

KILLS = 6


def conserved(lake: Lake) -> bool:
    results = completeness_results(sales, lake, table(lake, "silver"))
    return all(result.passed for result in results if result.name == "conserved")


def test_every_row_of_random_loads_is_accounted_for() -> None:
    assert prove(12) >= 12


def test_a_row_overtaken_or_deleted_since_does_not_come_back(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell([1, 2, 3], amount="5000")
    bring(lake, shop_settings, strict)
    shop.sell([1], at=NOON + timedelta(hours=1), amount="7.00")
    shop.sell([4], at=NOON + timedelta(hours=1))
    shop.run("DELETE FROM shop.sales WHERE sale_id = 2")
    bring(lake, shop_settings, strict)

    done = replay(sales, lake, shop_settings.scratch)

    amounts = dict(table(lake, "silver").scan().select("sale_id", "amount").collect().iter_rows())
    assert {key: str(value) for key, value in amounts.items()} == {1: "7.00", 3: "5000.00", 4: "10.50"}
    assert (done.accepted, done.overtaken, table(lake, "quarantine").rows) == (3, 2, 0)
    assert conserved(lake)


def test_chosen_rows_are_given_up_or_mended_with_a_reason(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell([1, 2, 3], amount="5000")
    bring(lake, shop_settings, strict)
    rows = table(lake, "quarantine").scan().select("sale_id", REFUSAL).collect()
    numbers: dict[int, str] = dict(rows.iter_rows())
    scratch = shop_settings.scratch

    assert discard(strict, lake, scratch, Choice([numbers[1]]), "a test order") == 1
    mend(strict, lake, scratch, numbers[2], {"amount": "50.00"}, "the customer's invoice says so")
    assert replay(strict, lake, scratch) == Replayed(accepted=1, still_refused=1)

    silver = table(lake, "silver").scan().select("sale_id", "amount").collect()
    assert [(key, str(amount)) for key, amount in silver.iter_rows()] == [(2, "50.00")]
    kept = table(lake, "quarantine").scan().sort("sale_id").collect()
    assert kept["sale_id"].to_list() == [1, 3]
    assert kept[DISCARDED][0].endswith("a test order")
    assert replay(sales, lake, scratch).accepted == 1  # what was given up is not asked again
    assert conserved(lake)


@pytest.mark.parametrize(
    ("values", "because", "found"),
    [
        ({"amount": "1"}, " ", "no reason"),
        ({"amount": "cheap"}, "so", "a value of another type"),
        ({"email_hash": "x"}, "so", "column email_hash"),
        ({"_load_id": "x"}, "so", "column _load_id"),
    ],
)
def test_a_row_is_not_mended_just_anyhow(
    shop: Shop, lake: Lake, shop_settings: Settings, values: dict[str, str], because: str, found: str
) -> None:
    shop.sell([1], amount="5000")
    bring(lake, shop_settings, strict)
    number = table(lake, "quarantine").scan().collect()[REFUSAL].item()
    with pytest.raises(DataError, match=found):
        mend(strict, lake, shop_settings.scratch, number, values, because)
    with pytest.raises(DataError, match="no waiting row 0000"):
        replay(strict, lake, shop_settings.scratch, Choice(["0000"]))


def test_where_duplicates_are_kept_a_second_row_of_a_key_stays_as_one(
    shop: Shop, lake: Lake, shop_settings: Settings
) -> None:
    keeping = replace(strict, keep_duplicates=True, deletes=Deletes.NEVER)
    shop.sell([1, 2], amount="5000")
    bring(lake, shop_settings, keeping)
    shop.sell([1], at=NOON + timedelta(hours=1), amount="6000")
    shop.sell([2], at=NOON + timedelta(hours=1), amount="7.00")
    bring(lake, shop_settings, keeping)

    done = replay(replace(keeping, rules={}), lake, shop_settings.scratch)

    kept = table(lake, "quarantine").scan().sort("sale_id", "amount").collect()
    assert (done.accepted, done.still_refused) == (1, 2)
    assert sorted(table(lake, "silver").scan().collect()["sale_id"]) == [1, 2]
    assert kept["sale_id"].to_list() == [1, 2]
    assert set(kept["_reason"]) == {DUPLICATE}
    assert conserved(lake)


def replayed(settings: Settings, kill_at: int, steps: Any) -> None:
    """Replays once; dies at its ``kill_at``-th call of the package."""
    with dying(kill_at, steps):
        replay(sales, lake_at(settings), settings.scratch, ALL)


def test_each_row_moves_once_wherever_a_replay_dies(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    forked = context()

    def run(kill_at: int) -> int:
        steps = forked.Value("i", 0)
        child = forked.Process(target=replayed, args=(shop_settings, kill_at, steps))
        child.start()
        child.join()
        assert child.exitcode in (-signal.SIGKILL, 0)
        return steps.value

    def refuse(number: int) -> None:
        at = NOON + timedelta(hours=number)
        shop.sell(range(number * 100, number * 100 + 5), at=at, amount="5000")  # today's rules accept these
        shop.sell([90_000 + number], at=at, email="nobody")  # and never this one
        bring(lake, shop_settings, strict)

    refuse(0)
    steps = run(0)
    for number in range(1, KILLS + 1):
        refuse(number)
        run(max(1, steps * number // (KILLS + 1)))
        # The next load or the next replay finds what is half done.
        bring(lake, shop_settings, strict) if number % 2 else run(0)
        run(0)
        silver, quarantine = table(lake, "silver").scan().collect(), table(lake, "quarantine").scan().collect()
        assert sorted(silver["sale_id"]) == sorted(n * 100 + one for n in range(number + 1) for one in range(5))
        assert sorted(quarantine["sale_id"]) == [90_000 + n for n in range(number + 1)]
        assert conserved(lake)
