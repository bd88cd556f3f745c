"""What every source must stand, one suite for all: a new source has it by existing."""

from __future__ import annotations

import inspect
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from opetence_assets import sources
from opetence_assets.dataset import DataError, Dataset, Deletes, Drift
from opetence_assets.ingestion.bronze import Load, Request, load
from opetence_assets.lake.drift import drift_events
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import open_table
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings
from opetence_assets_tests.conformance.children import killed_round, two_at_once
from opetence_assets_tests.conformance.rig import Place, Rig, Row, rigs

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RIGS = rigs()
PAGES = 9


class Bench:
    """A rig on the bench: what was put, and the lake it is loaded into."""

    def __init__(self, name: str, rig: Rig, lake: Lake, settings: Settings) -> None:
        self.name, self.rig, self.lake, self.settings = name, rig, lake, rig.settings(settings)
        self.dataset: Dataset = RIGS[name].DATASET
        self.truth: dict[str, Row] = {}

    def put(self, rows: Sequence[Row]) -> None:
        self.rig.put(rows)
        for row in rows:
            if row.id not in self.truth or row.at >= self.truth[row.id].at:
                self.truth[row.id] = row

    def load(self, request: Request | None = None) -> Load:
        return load(self.dataset, self.lake, self.settings, request)

    def round(self, request: Request | None = None) -> Load:
        done = self.load(request)
        refine(self.dataset, self.lake, self.settings.scratch)
        return done

    def table(self, zone: str) -> pl.DataFrame:
        table = open_table(self.lake, self.dataset.table(zone))
        return table.scan().collect() if table else pl.DataFrame()

    def agrees(self) -> None:
        """Silver is what was put, row for row."""
        silver = self.table("silver").select("id", "amount", "note", "at").sort("id").rows()
        assert silver == sorted(self.rig.told(row) for row in self.truth.values())


@pytest.fixture(params=sorted(RIGS))
def bench(request: pytest.FixtureRequest, lake: Lake, settings: Settings) -> Iterator[Bench]:
    folder = Path(tempfile.mkdtemp(prefix="rig", dir="/tmp"))  # short, for sockets
    try:
        with RIGS[request.param].opened(Place(folder, lambda: request.getfixturevalue("database"))) as rig:
            yield Bench(request.param, rig, lake, settings)
    finally:
        shutil.rmtree(folder)


def things(ids: Sequence[int], *, hours: float = 0, amount: int = 0, note: str | None = "ä") -> list[Row]:
    """Things a minute apart, changed some hours after noon."""
    at = NOON + timedelta(hours=hours)
    return [Row(f"T{n:05}", amount + n, note, at + timedelta(minutes=n % 10)) for n in ids]


def needs(able: Any, what: str) -> Any:
    if able is None:
        pytest.skip(f"this source has no way to {what}")
    return able


def test_every_feed_has_a_rig() -> None:
    """Feeds are the classes of `sources` that can extract."""
    import importlib
    import pkgutil

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


def test_a_page_delivered_twice_counts_once(bench: Bench) -> None:
    bench.put(things(range(3 * PAGES)))
    needs(bench.rig.repeat_page, "repeat a page")()

    bench.round()

    bench.agrees()


def test_a_rate_limit_is_waited_for(bench: Bench) -> None:
    bench.put(things(range(8)))
    needs(bench.rig.rate_limit, "limit its rate")(2)

    bench.round()

    bench.agrees()


def test_wrong_credentials_are_said_without_saying_them(bench: Bench) -> None:
    wrong = needs(bench.rig.wrong, "refuse credentials")
    bench.put(things(range(3)))

    with pytest.raises(DataError, match=f"{bench.dataset.name}: found .* Next: ") as refusal:
        load(bench.dataset, bench.lake, bench.rig.settings(bench.settings, wrong))
    assert bench.rig.secret not in str(refusal.value)
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


def test_a_record_that_nobody_can_read_waits_in_quarantine(bench: Bench) -> None:
    bench.put(things(range(4)))
    needs(bench.rig.poison, "send what nobody can read")()

    bench.round()

    bench.agrees()
    assert bench.table("quarantine")["_reason"].str.contains("unreadable").all()
    assert len(bench.table("quarantine")) == 1


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


def test_an_added_field_lands_sealed_and_is_noted(bench: Bench) -> None:
    drifted = needs(bench.rig.drifted, "change its schema")
    bench.put(things(range(3)))
    bench.round()
    _drift(drifted, "added", things([5], hours=30))

    done = bench.round()

    assert "nickname" in done.undeclared
    assert [event.change for event in drift_events(bench.lake, bench.dataset.name)] == ["added: nickname"]
    assert len(bench.table("silver")) == 4
    assert "Bunny" not in str(bench.table("bronze").drop("_sealed").to_dicts())


@pytest.mark.parametrize("drift", [Drift.FREEZE, Drift.QUARANTINE])
def test_an_added_field_is_frozen_out_or_quarantined_where_declared(bench: Bench, drift: Drift) -> None:
    drifted = needs(bench.rig.drifted, "change its schema")
    bench.put(things(range(3)))
    bench.dataset = replace(bench.dataset, drift=drift)
    bench.round()
    _drift(drifted, "added", things([5], hours=30))

    if drift is Drift.FREEZE:
        with pytest.raises(DataError, match="nickname"):
            bench.load()
        assert len(bench.table("bronze")) == 3
    else:
        bench.round()
        assert bench.table("quarantine")["_reason"].to_list() == ["undeclared column"]
        assert len(bench.table("silver")) == 3
    assert [event.outcome for event in drift_events(bench.lake, bench.dataset.name)] == [
        "refused" if drift is Drift.FREEZE else "quarantine"
    ]


@pytest.mark.parametrize("kind", ["removed", "retyped"])
def test_a_removed_or_retyped_field_is_refused_or_quarantined(bench: Bench, kind: str) -> None:
    drifted = needs(bench.rig.drifted, "change its schema")
    bench.put(things(range(3)))
    bench.round()
    before = bench.table("silver").drop("_version")
    _drift(drifted, kind, things([5], hours=30))

    refusal = _refusal(bench)
    if refusal:
        assert "note" in refusal or "amount" in refusal
        assert bench.table("silver").drop("_version").equals(before)
    elif kind == "removed":
        assert bench.table("silver").filter(id="T00005")["note"].to_list() == [None]
    else:
        assert bench.table("quarantine")["_reason"].to_list() == ["amount: null"]
        assert bench.table("silver").drop("_version").sort("id").equals(before.sort("id"))


def test_killed_anywhere_and_run_again_it_is_as_if_nothing_had_happened(bench: Bench) -> None:
    bench.put(things(range(10)))
    steps = killed_round(bench.name, bench.settings, 0)
    for number, share in enumerate((0.3, 0.6, 0.85), start=1):
        bench.put(things(range(10 * number, 10 * number + 5), hours=25 * number))
        bench.put(things([number], hours=25 * number + 1, amount=1000 * number))
        killed_round(bench.name, bench.settings, int(steps * share))
        killed_round(bench.name, bench.settings, 0)
        bench.agrees()
    said = bench.table("bronze").select(pl.exclude("^_(load|sealed|position|cursor).*$"))
    assert len(said.unique()) == len(said)


def test_two_runs_at_once_bring_every_row_once(bench: Bench) -> None:
    bench.put(things(range(20)))
    if bench.dataset.feed.since is None:
        bench.load()
        bench.put(things(range(20, 30), hours=26))

    outcomes = two_at_once(bench.name, bench.settings)

    assert any(outcome.isdecimal() for outcome in outcomes)
    assert all(outcome.isdecimal() or outcome.startswith("CommitConflict") for outcome in outcomes)
    bench.round()
    bench.agrees()
    assert len(bench.table("bronze")) == (30 if bench.dataset.feed.since is None else 20)


def _refusal(bench: Bench) -> str:
    try:
        bench.round()
    except DataError as refusal:
        return str(refusal)
    return ""


def _drift(drifted: Any, kind: str, rows: Sequence[Row]) -> None:
    try:
        drifted(kind, rows)
    except KeyError:
        pytest.skip(f"this source cannot have a field {kind}")


def day_of(row: Row) -> tuple[Any, ...]:
    """A row as a source tells it that knows days only."""
    return (row.id, row.amount, row.note, datetime.combine(date.fromordinal(row.at.toordinal()), time(), UTC))
