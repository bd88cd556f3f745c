"""A rig on the bench: what was put into the source, the lake it is loaded into, and whether the two agree."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from opetence_assets.dataset import Dataset
from opetence_assets.ingestion.bronze import Load, Request, load
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import open_table
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings
from opetence_assets_tests.conformance.rig import Rig, Row, rigs

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


def things(ids: Sequence[int], *, hours: float = 0, amount: int = 0, note: str | None = "ä") -> list[Row]:
    """Things a minute apart, changed some hours after noon."""
    at = NOON + timedelta(hours=hours)
    return [Row(f"T{n:05}", amount + n, note, at + timedelta(minutes=n % 10)) for n in ids]


def needs(able: Any, what: str) -> Any:
    if able is None:
        pytest.skip(f"this source has no way to {what}")
    return able
