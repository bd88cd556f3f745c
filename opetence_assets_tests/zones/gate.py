"""No schedule of runs, backfills and clicks in Dagster brings a table with a failed blocking check into a release.

``python -m opetence_assets_tests.zones.gate 100`` draws a hundred schedules; the suite draws some. Assets and checks
are the platform's own, over two tables of a source made here and a dbt project without models; what readers may see is
told by a plain model, which looks into the released rows themselves.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pandera.polars as pa
import polars as pl
import pyarrow
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from opetence_assets.checks.assets import bronze_checks, silver_checks
from opetence_assets.dataset import Dataset, Extract, Extraction, Facts, Grade, Severity, Utc
from opetence_assets.lake.candidates import promote, waiting_candidate
from opetence_assets.lake.places import lake_at
from opetence_assets.lake.releases import Gated, Release, ReleaseConflict, all_releases, current_release, roll_back
from opetence_assets.lake.tables import Table, open_table
from opetence_assets.lineage.columns import made_graph
from opetence_assets.settings import Settings, read_settings
from opetence_assets.zones.bronze import bronze_asset
from opetence_assets.zones.gold import gold_assets
from opetence_assets.zones.silver import silver_asset
from opetence_assets_tests.conftest import environment

START = datetime(2026, 3, 1, tzinfo=UTC)
TYPES = {"id": pl.Int64(), "amount": pl.Int64(), "text": pl.String(), "on": pl.Date(), "at": pl.Datetime("us", "UTC")}
DAYS = 3
PROJECT = {"nodes": {}, "sources": {}, "exposures": {}, "parent_map": {}, "child_map": {}, "macros": {}}
CONTENT: dict[str, dict[int, dict[str, Any]]] = {}  # what the source holds: table → id → row


class Note(pa.DataFrameModel):
    id: pl.Int64
    amount: pl.Int64 = pa.Field(ge=0)
    text: pl.String
    on: pl.Date
    at: Utc


@dataclass(frozen=True)
class Made:
    """A source in memory."""

    name: str
    since: date | None = None
    system: str = "made"
    kind: str = "made"

    def extract(self, request: Extract, settings: Any) -> Extraction:
        rows, window = list(CONTENT[self.name].values()), request.window
        if window:
            rows = [row for row in rows if window.start.date() <= row["on"] < window.end.date()]
        table: pyarrow.Table = pl.DataFrame(rows, schema=TYPES).to_arrow(compat_level=pl.CompatLevel.oldest())
        return Extraction([table], lambda: Facts(len(table), None, None), lambda: None)

    def fingerprint(self, dataset: Dataset, settings: Any) -> str:
        return str(CONTENT[self.name])


GRADES = {"amount: greater_than_or_equal_to": Grade(Severity.BLOCK)}


def notes(name: str, since: date | None = None) -> Dataset:
    feed = Made(name, since)
    return Dataset(feed=feed, key=("id",), cursor="at", schema=Note, grades=GRADES, owner="team:tests")


DATASETS = (notes("letters", START.date()), notes("cards"))
# What is run: zones, whether checks are among it, and of which tables.
RUNS: dict[str, tuple[tuple[str, ...], bool, Sequence[Dataset]]] = {
    "the hourly round": (("bronze", "silver", "gold"), True, DATASETS),
    "a round without its checks": (("bronze", "silver", "gold"), False, DATASETS),
    "one table through to gold": (("bronze", "silver", "gold"), True, DATASETS[1:]),
    "bronze alone": (("bronze",), False, DATASETS),
    "silver alone": (("silver",), False, DATASETS),
    "silver with its checks": (("silver",), True, DATASETS),
    "checks alone": ((), True, DATASETS),
    "gold alone": (("gold",), False, DATASETS),
}


class Gate(RuleBasedStateMachine):
    """The model: which versions a check step has judged, and which releases there were."""

    @initialize()
    def empty(self) -> None:
        self.folder, self.patch = TemporaryDirectory(prefix="gate-"), pytest.MonkeyPatch()
        self.settings = read_settings(environment(Path(self.folder.name) / "home"))
        self.lake, manifest = lake_at(self.settings), Path(self.folder.name) / "manifest.json"
        manifest.write_text(json.dumps(PROJECT))
        self.settings.manifest.parent.mkdir(parents=True, exist_ok=True)

        def project(_: Settings) -> Path:
            return manifest

        self.patch.setattr("opetence_assets.warehouse.build.ensure_manifest", project)
        graph = made_graph(PROJECT, DATASETS)
        definitions = dg.Definitions(
            assets=[
                *(make(d, graph) for d in DATASETS for make in (bronze_asset, silver_asset)),
                gold_assets(DATASETS, manifest, graph),
            ],
            asset_checks=[make(d) for d in DATASETS for make in (bronze_checks, silver_checks)],
            resources={"platform": SimpleNamespace(lake=self.lake, settings=self.settings)},
        )
        self.job, self.graph = definitions.resolve_implicit_global_asset_job_def(), definitions.resolve_asset_graph()
        self.instance = dg.DagsterInstance.ephemeral()
        self.judged, self.clock = set[tuple[str, int]](), 0
        CONTENT.update({dataset.feed.name: {} for dataset in DATASETS})
        for dataset in DATASETS:
            self.somebody_writes(dataset, 0, "good")

    def teardown(self) -> None:
        if hasattr(self, "instance"):
            self.instance.dispose()
            self.patch.undo()
            self.folder.cleanup()

    @rule(dataset=st.sampled_from(DATASETS), number=st.integers(0, 3), kind=st.sampled_from(("good", "told", "bad")))
    def somebody_writes(self, dataset: Dataset, number: int, kind: str) -> None:
        """A good row; one whose text tells of a person, which a check finds; or one that its grade refuses."""
        self.clock += 1
        CONTENT[dataset.feed.name][number] = {
            "id": number,
            "amount": -1 if kind == "bad" else self.clock,
            "text": "write to jane.doe@example.org" if kind == "told" else "nothing",
            "on": (START + timedelta(days=number % DAYS)).date(),
            "at": START + timedelta(minutes=self.clock),
        }

    @rule(name=st.sampled_from(sorted(RUNS)))
    def something_runs(self, name: str) -> None:
        zones, checks, datasets = RUNS[name]
        self._run(zones, datasets, checks=checks)

    @rule(day=st.integers(0, DAYS - 1), refined=st.booleans())
    def a_day_is_backfilled(self, day: int, refined: bool) -> None:
        self._run(("bronze",), DATASETS[:1], checks=False, day=f"{START + timedelta(days=day):%Y-%m-%d}")
        if refined:
            self._run(("silver",), DATASETS[:1], checks=True)

    @rule()
    def gold_is_held(self) -> None:
        self._run(("gold",), DATASETS, checks=False, hold=True)

    @rule()
    def somebody_promotes(self) -> None:
        if waiting := waiting_candidate(self.lake):
            promote(self.lake, waiting)

    @rule(data=st.data())
    def somebody_goes_back(self, data: Any) -> None:
        if known := all_releases(self.lake):
            chosen = data.draw(st.sampled_from(known), label="release")
            try:
                roll_back(self.lake, chosen.number)
            except (Gated, ReleaseConflict) as error:
                raise AssertionError(f"a release that was good is refused: {error}") from error

    def _run(
        self, zones: Sequence[str], datasets: Sequence[Dataset], *, checks: bool, day: str = "", hold: bool = False
    ) -> None:
        before, held = current_release(self.lake), waiting_candidate(self.lake)
        tables = {dg.AssetKey(d.table(zone).split("/")) for d in datasets for zone in zones if zone != "gold"}
        gold = {key for key in self.graph.executable_asset_keys if key.path[0] == "gold"} if "gold" in zones else set()
        asked = {dg.AssetKey(d.table("silver").split("/")) for d in datasets if checks and self._newest(d, zones)}
        wanted = {key for key in self.graph.asset_check_keys if key.asset_key in asked and key.name != "within_grades"}
        wanted |= {k for k in self.graph.asset_check_keys if k.asset_key in tables and k.name == "within_grades"}
        if not (tables or gold or wanted):
            return
        done = self.job.get_subset(asset_selection=tables | gold, asset_check_selection=wanted).execute_in_process(
            instance=self.instance,
            partition_key=day or None,
            raise_on_error=False,
            run_config={
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                "ops": {"gold": {"config": {"hold": hold}}} if gold else {},
            },
        )
        passed = {event.step_key for event in done.all_events if event.is_step_success}
        for dataset in datasets:
            silver = self._newest(dataset)
            if f"check_silver_made_{dataset.feed.name}" in passed and silver is not None:
                self.judged.add((silver.key, silver.version))
        self._made_only_what_may_be(before, held, "gold" in passed, only_gold=bool(gold) and not tables and not wanted)

    def _made_only_what_may_be(self, before: Release | None, held: Any, made: bool, *, only_gold: bool) -> None:
        """Gold comes through exactly where every table's newest version was judged and is clean."""
        newest = [silver for dataset in DATASETS if (silver := self._newest(dataset)) is not None]
        allowed = all(self._may_be_read(silver) for silver in newest)
        assert allowed or not made
        assert made or not (only_gold and allowed), "gold is kept back though nothing is wrong"
        if not made:
            assert (current_release(self.lake), waiting_candidate(self.lake)) == (before, held)

    def _newest(self, dataset: Dataset, zones: Sequence[str] = ()) -> Table | None:
        found = open_table(self.lake, dataset.table("silver"))
        return found or (open_table(self.lake, dataset.table("bronze")) if "silver" in zones else None)

    def _may_be_read(self, silver: Table) -> bool:
        rows = silver.scan().select(pl.col("text").str.contains("@").any(), (pl.col("amount") < 0).any()).collect()
        return (silver.key, silver.version) in self.judged and not any(rows.row(0))

    @invariant()
    def readers_see_only_what_was_judged_and_is_clean(self) -> None:
        release = current_release(self.lake) if hasattr(self, "lake") else None
        for key, version in release.versions.items() if release else ():
            if key.startswith("silver/"):
                table = open_table(self.lake, key, version)
                assert table is not None
                assert self._may_be_read(table), f"{key} {version} is in release {release}"


def prove(schedules: int, steps: int = 20) -> None:
    """Draws schedules; one that breaks the gate is shrunk to its fewest steps."""
    run_state_machine_as_test(
        Gate,
        settings=settings(
            max_examples=schedules,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    warnings.filterwarnings("ignore", ".*is currently in beta")  # as in the suite
    prove(wanted)
    sys.stdout.write(f"{wanted} schedules of 20 steps: no release held a version that was not judged, or failed\n")
