"""A full disk, and two loads at once: real processes, real limits."""

from __future__ import annotations

import resource
from datetime import timedelta
from multiprocessing.context import ForkServerContext
from typing import Any

import pytest

from opetence_assets.ingestion.bronze import load
from opetence_assets.lake.commits import CommitConflict
from opetence_assets.lake.places import Lake, lake_at
from opetence_assets.lake.tables import open_table
from opetence_assets.settings import Settings
from opetence_assets_tests.kills import context
from opetence_assets_tests.shop import NOON, Shop, sales


@pytest.fixture(scope="module")
def forked() -> ForkServerContext:
    return context()


def load_in_child(settings: Settings, largest_file: int | None, start: Any, told: Any) -> None:
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    start.wait()
    try:
        told.put(str(load(sales, lake_at(settings), settings).rows))
    except Exception as error:
        told.put(f"{type(error).__name__}: {error}")


def outcomes(forked: ForkServerContext, settings: Settings, limits: list[int | None]) -> list[str]:
    start, told = forked.Event(), forked.Queue()
    children = [forked.Process(target=load_in_child, args=(settings, limit, start, told)) for limit in limits]
    for child in children:
        child.start()
    start.set()
    found = [told.get(timeout=60) for _ in children]
    for child in children:
        child.join()
    return sorted(found)


def test_a_full_disk_is_said_and_the_next_run_goes_on(
    forked: ForkServerContext, shop: Shop, lake: Lake, shop_settings: Settings
) -> None:
    shop.sell(range(200))
    load(sales, lake, shop_settings)
    for start in range(200, 4200, 1000):
        shop.sell(range(start, start + 1000), at=NOON + timedelta(hours=1))

    (told,) = outcomes(forked, shop_settings, [40_000])

    assert told.startswith("DataError: shop/sales: found no room on the disk of ")
    assert "Next: free some space, then: opetence run" in told
    table = open_table(lake, "bronze/shop/sales")
    assert table is not None
    assert table.rows == 200
    assert load(sales, lake, shop_settings).rows == 4000


def test_two_loads_at_once_bring_every_row_once(
    forked: ForkServerContext, shop: Shop, lake: Lake, shop_settings: Settings
) -> None:
    shop.sell(range(300))

    told = outcomes(forked, shop_settings, [None, None, None])

    assert "300" in told
    assert all(answer in ("0", "300") or answer.startswith(CommitConflict.__name__) for answer in told)
    assert told.count("300") == 1
    table = open_table(lake, "bronze/shop/sales")
    assert table is not None
    assert table.rows == 300
