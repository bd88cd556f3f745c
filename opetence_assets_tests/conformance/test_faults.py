"""Sources that break, repeat themselves, refuse, or send what nobody can read."""

from __future__ import annotations

import pytest

from opetence_assets.dataset import DataError
from opetence_assets.ingestion.bronze import Request, load
from opetence_assets_tests.conformance.bench import NOON, PAGES, Bench, needs, things
from opetence_assets_tests.conformance.rig import Row


@pytest.mark.needs("break_at")
def test_a_source_that_dies_on_page_three_of_nine_leaves_nothing(bench: Bench) -> None:
    break_at = needs(bench.rig.break_at, "die halfway")
    bench.put(things(range(3)))
    bench.round()
    before = bench.table("bronze")
    bench.put(things(range(3, 3 * PAGES), hours=30))
    mend = break_at(3)

    with pytest.raises(DataError, match=f"{bench.dataset.name}: found .* Next: "):
        bench.load(Request(full=True))
    assert bench.table("bronze").equals(before)
    mend()
    bench.round()
    bench.agrees()


@pytest.mark.needs("repeat_page")
def test_a_page_delivered_twice_counts_once(bench: Bench) -> None:
    bench.put(things(range(3 * PAGES)))
    needs(bench.rig.repeat_page, "repeat a page")()

    bench.round()

    bench.agrees()


@pytest.mark.needs("rate_limit")
def test_a_rate_limit_is_waited_for(bench: Bench) -> None:
    bench.put(things(range(8)))
    needs(bench.rig.rate_limit, "limit its rate")(2)

    bench.round()

    bench.agrees()


@pytest.mark.needs("wrong")
def test_wrong_credentials_are_said_without_saying_them(bench: Bench) -> None:
    wrong = needs(bench.rig.wrong, "refuse credentials")
    bench.put(things(range(3)))

    with pytest.raises(DataError, match=f"{bench.dataset.name}: found .* Next: ") as refusal:
        load(bench.dataset, bench.lake, bench.rig.settings(bench.settings, wrong))
    assert bench.rig.secret not in str(refusal.value)
    bench.round()
    bench.agrees()


def test_a_cell_of_ten_megabytes_arrives(bench: Bench) -> None:
    bench.put([Row("big", 1, "ü" * (bench.rig.largest // 2), NOON), *things([1])])

    bench.round()

    bench.agrees()


def test_nul_arrives_and_a_lone_surrogate_is_quarantined(bench: Bench) -> None:
    if not bench.rig.odd:
        pytest.skip("this source cannot hold such text")
    bench.put([Row("nul", 1, "a\x00b", NOON), *things([1])])
    bench.rig.put([Row("surrogate", 2, "a\ud800b", NOON)])

    bench.round()

    bench.agrees()
    assert bench.table("quarantine")["_reason"].str.contains("unreadable").all()
    assert len(bench.table("quarantine")) == 1


@pytest.mark.needs("poison")
def test_a_record_that_nobody_can_read_waits_in_quarantine(bench: Bench) -> None:
    bench.put(things(range(4)))
    needs(bench.rig.poison, "send what nobody can read")()

    bench.round()

    bench.agrees()
    assert bench.table("quarantine")["_reason"].str.contains("unreadable").all()
    assert len(bench.table("quarantine")) == 1
