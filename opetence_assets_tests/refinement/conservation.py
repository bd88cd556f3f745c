"""Loads made at random, refined, replayed and given up: every row is somewhere, and silver is what a plain model says.

``python -m opetence_assets_tests.refinement.conservation 1000`` tells a thousand stories of up to twenty loads, drawn
and shrunk by hypothesis; the suite tells some.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandera.polars as pa
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opetence_assets.checks.completeness import completeness_results
from opetence_assets.dataset import Dataset, Utc
from opetence_assets.lake.commits import commit
from opetence_assets.lake.places import Lake, place_at
from opetence_assets.lake.tables import open_table
from opetence_assets.refinement.decisions import discard
from opetence_assets.refinement.files import arrow_schema, staged
from opetence_assets.refinement.replay import Choice, replay
from opetence_assets.refinement.silver import refine
from opetence_assets.sources.postgres import Postgres

START = datetime(2026, 3, 1, tzinfo=UTC)
TYPES = {"id": pl.Int64(), "amount": pl.Int64(), "at": pl.Datetime("us", "UTC"), "_deleted": pl.Boolean()}
Row = dict[str, Any]


class Thing(pa.DataFrameModel):
    id: pl.Int64
    amount: pl.Int64 = pa.Field(ge=0)
    at: Utc


def things(limit: int, **more: Any) -> Dataset:
    """Things that cost at most ``limit``."""
    feed = Postgres(system="made", schema="made", dsn="MADE_DSN").table("things")  # bronze is written here: never asked
    rules = {"too dear": pl.col("amount") < limit}
    return Dataset(feed=feed, key=("id",), cursor="at", schema=Thing, rules=rules, owner="team:tests", **more)


@dataclass
class Story:
    """What was loaded, and what became of it by the plain model."""

    lake: Lake
    scratch: Path
    dataset: Dataset
    lenient: Dataset
    loads: int = 0
    told: list[list[Row]] = field(default_factory=list)  # by load
    waiting: list[tuple[int, Row]] = field(default_factory=list)  # (load, row)
    given_up: list[tuple[int, Row]] = field(default_factory=list)

    def load(self, rows: Sequence[Row]) -> None:
        """One commit of bronze; it is refined now, or together with the next."""
        self.loads += 1
        frame = pl.DataFrame(list(rows), schema=TYPES, orient="row").with_columns(
            _load_id=pl.lit(f"L{self.loads:05}"),
            _loaded_at=pl.lit(START + timedelta(minutes=self.loads), pl.Datetime("us", "UTC")),
        )
        key = self.dataset.table("bronze")
        files = staged(self.lake, key, [frame], self.scratch)
        commit(self.lake, key, schema=arrow_schema(frame), add=files, metadata={"total_keys": 0})
        self.told.append(list(rows))
        refused = [row for row in rows if not row["_deleted"] and not is_valid(row, self.dataset)]
        self.waiting += [(self.loads, row) for row in refused]

    def refine(self) -> None:
        refine(self.dataset, self.lake, self.scratch)

    def silver(self) -> list[Row]:
        """What silver should hold: accepted rows put in the order they came, deletions after the rows of their load."""
        refused = [(load, id(row)) for load, row in (*self.waiting, *self.given_up)]
        state: dict[int, Row] = {}
        for load, rows in enumerate(self.told, start=1):
            taken = [row for row in rows if not row["_deleted"] and (load, id(row)) not in refused]
            for row in taken:
                if row["id"] not in state or row["at"] >= state[row["id"]]["at"]:
                    state[row["id"]] = row
            for row in rows:
                if row["_deleted"]:
                    state.pop(row["id"], None)
        return [{n: row[n] for n in ("id", "amount", "at")} for _, row in sorted(state.items())]

    def replay(self) -> None:
        """By the lenient rules: what is not too dear for anybody comes through as if it had when it came."""
        done = replay(self.lenient, self.lake, self.scratch)
        moving = [pair for pair in self.waiting if is_valid(pair[1], self.lenient)]
        assert done.accepted == len(moving)
        self.waiting = [pair for pair in self.waiting if pair not in moving]

    def give_up(self) -> None:
        done = discard(self.dataset, self.lake, self.scratch, Choice(reason="amount: null"), "nobody knows it")
        unknown = [pair for pair in self.waiting if pair[1]["amount"] is None]
        assert done == len(unknown)
        self.given_up += unknown
        self.waiting = [pair for pair in self.waiting if pair not in unknown]

    def agrees(self) -> None:
        silver, quarantine = (open_table(self.lake, self.dataset.table(zone)) for zone in ("silver", "quarantine"))
        assert silver is not None
        assert quarantine is not None
        conserved = next(r for r in completeness_results(self.dataset, self.lake, silver) if r.name == "conserved")
        assert conserved.passed, conserved.found
        assert quarantine.rows == len(self.waiting) + len(self.given_up)
        assert silver.scan().select("id", "amount", "at").sort("id").collect().to_dicts() == self.silver()


def is_valid(row: Row, dataset: Dataset) -> bool:
    limit = 50 if dataset.rules else 10**9
    return row["amount"] is not None and 0 <= row["amount"] < limit


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.integers(0, 7),
            "amount": st.sampled_from([5, 20, 60, 80, -1, None]),
            "at": st.integers(0, 5).map(lambda hours: START + timedelta(hours=hours)),
            "_deleted": st.sampled_from([False] * 6 + [True]),
        }
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda row: row["id"],
)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
NEXT = st.sampled_from(["with the next"] * 2 + ["refine"] * 5 + ["replay", "give up"])
LOADS = st.lists(st.tuples(ROWS, NEXT), min_size=1, max_size=20)
"""Loads of few keys and few moments, so that they meet, and what is done after each: simplest first, to shrink to."""


def told(loads: Sequence[tuple[Sequence[Row], str]]) -> None:
    """A story of some loads; raises where the platform and the model disagree."""
    dataset = things(50)
    with TemporaryDirectory() as folder:
        story = Story(place_at(f"{folder}/lake"), Path(folder) / "scratch", dataset, replace(dataset, rules={}))
        for rows, after in loads:
            story.load(rows)
            if after == "with the next":
                continue
            story.refine()
            story.agrees()
            if after != "refine":
                (story.replay if after == "replay" else story.give_up)()
                story.agrees()


def prove(examples: int) -> int:
    """Draws so many stories and tells each; a failing one is shrunk to the fewest loads and rows. Loads told."""
    loads = 0

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(LOADS)
    def each(story: list[tuple[list[Row], str]]) -> None:
        nonlocal loads
        loads += len(story)
        told(story)

    each()
    return loads


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    sys.stdout.write(f"{wanted} stories of {prove(wanted)} loads: every row accounted for, silver as the model says\n")
