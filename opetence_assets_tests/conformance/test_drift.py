"""Sources whose columns or fields change."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opetence_assets.dataset import DataError, Drift
from opetence_assets.lake.drift import drift_events
from opetence_assets_tests.conformance.bench import Bench, needs, things
from opetence_assets_tests.conformance.rig import Row


@pytest.mark.needs("drifted")
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

    shutil.rmtree(Path(bench.lake.uri) / "drift")  # as if it had been killed between its commit and its note
    bench.load()
    assert [event.change for event in drift_events(bench.lake, bench.dataset.name)] == ["added: nickname"]


@pytest.mark.parametrize("drift", [Drift.FREEZE, Drift.QUARANTINE])
@pytest.mark.needs("drifted")
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
@pytest.mark.needs("drifted")
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
