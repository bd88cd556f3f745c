"""Loads that are killed, and loads that meet."""

from __future__ import annotations

import polars as pl

from opetence_assets_tests.conformance.bench import Bench, things
from opetence_assets_tests.conformance.children import killed_round, two_at_once


def test_killed_anywhere_and_run_again_it_is_as_if_nothing_had_happened(bench: Bench) -> None:
    bench.put(things(range(10)))
    steps = killed_round(bench.name, bench.settings, 0)
    for number, share in enumerate((0.4, 0.8), start=1):
        bench.put(things(range(10 * number, 10 * number + 5), hours=25 * number))
        bench.put(things([number], hours=25 * number + 1, amount=1000 * number))
        killed_round(bench.name, bench.settings, int(steps * share))
    bench.round()
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
