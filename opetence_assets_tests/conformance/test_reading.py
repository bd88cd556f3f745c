"""What every source must stand, one suite for all: a new source has it by existing. Here: reading, again and again."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from datetime import UTC, datetime, timedelta

import pytest

from opetence_assets import sources
from opetence_assets.dataset import Deletes, Window
from opetence_assets.ingestion.bronze import Request
from opetence_assets_tests.conformance.bench import NOON, RIGS, Bench, needs, things
from opetence_assets_tests.conformance.rig import Row


def test_every_feed_has_a_rig() -> None:
    """Feeds are the classes of `sources` that can extract."""
    modules = [importlib.import_module(f"{sources.__name__}.{m.name}") for m in pkgutil.iter_modules(sources.__path__)]
    classes = {c for module in modules for _, c in inspect.getmembers(module, inspect.isclass)}
    feeds = {c for c in classes if c.__module__.startswith(sources.__name__) and hasattr(c, "extract")}

    assert feeds - {type(module.DATASET.feed) for module in RIGS.values()} == set()


def test_an_empty_source_then_everything_then_what_is_new(bench: Bench) -> None:
    if bench.dataset.feed.since is None:
        bench.round()
        assert bench.table("silver").is_empty()
    bench.put(things(range(10)))
    bench.round()
    bench.agrees()
    bench.put(things(range(10, 14), hours=30))
    bench.put(things([3, 4], hours=31, amount=500))
    bench.round()

    bench.agrees()


def test_running_again_adds_nothing(bench: Bench) -> None:
    bench.put(things(range(12)))
    first = bench.round()
    fingerprint = bench.dataset.feed.fingerprint(bench.dataset, bench.settings)

    second = bench.round()

    assert (second.rows, second.version) == (0, first.version)
    assert bench.dataset.feed.fingerprint(bench.dataset, bench.settings) == fingerprint
    bench.put(things([20], hours=40))
    assert bench.dataset.feed.fingerprint(bench.dataset, bench.settings) != fingerprint


def test_reading_everything_again_changes_nothing(bench: Bench) -> None:
    bench.put(things(range(12)))
    bench.put(things([2], hours=30, amount=70))
    bench.round()

    again = bench.round(Request(full=True))

    assert again.rows == 0 or bench.dataset.deletes is Deletes.TOLD
    bench.agrees()


def test_a_backfilled_day_brings_nothing_twice_and_leaves_the_cursor(bench: Bench) -> None:
    bench.put(things(range(10)))
    bench.put(things(range(10, 14), hours=30))
    bench.round()

    again = bench.round(Request(window=Window.of_day(NOON.date())))

    assert again.rows == 0
    bench.agrees()
    bench.put(things([20], hours=40))
    bench.round()
    bench.agrees()


def test_rows_that_appear_late_below_the_cursor_are_found(bench: Bench) -> None:
    bench.put(things([8], hours=30))
    bench.round()
    late = bench.rig.late or timedelta(hours=29)
    bench.put([Row("late", 1, None, NOON + timedelta(hours=30, minutes=8) - late * 0.9)])

    bench.round()

    bench.agrees()


def test_many_rows_on_one_cursor_value_arrive_whole(bench: Bench) -> None:
    bench.put([Row(f"A{n:03}", n, None, NOON) for n in range(40)])
    bench.round()
    bench.put([Row(f"B{n:03}", n, None, NOON) for n in range(40)])

    bench.round()

    bench.agrees()


def test_a_clock_two_hours_ahead_hides_nothing(bench: Bench) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    bench.put([Row("ahead", 1, None, now + timedelta(hours=2))])
    bench.round()
    bench.put([Row("right", 2, None, now)])

    bench.round()

    bench.agrees()


@pytest.mark.needs("delete")
def test_deleted_rows_are_gone(bench: Bench) -> None:
    delete = needs(bench.rig.delete, "delete rows")
    bench.put(things(range(10)))
    bench.round()
    delete(["T00002", "T00003"])
    del bench.truth["T00002"], bench.truth["T00003"]
    bench.put(things([30], hours=30))
    bench.round()
    bench.agrees()
    bench.put(things([2], hours=31))

    bench.round()

    bench.agrees()
