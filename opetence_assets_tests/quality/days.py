"""Days of a company in which nothing goes wrong: every check that fails on one is a false alarm, and is listed.

``python -m opetence_assets_tests.quality.days [DAYS [HOME]]`` seeds a sandbox, loads its year, then lets day after day
happen: each is loaded, refined, judged and released by the functions that the assets call. A home that is named is kept
and goes on from where it is.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from opetence_assets.checks.judging import bronze_results, judge_silver
from opetence_assets.dataset import Dataset
from opetence_assets.datasets import all_datasets
from opetence_assets.ingestion.bronze import load
from opetence_assets.lake.places import Lake, lake_at
from opetence_assets.lake.releases import publish
from opetence_assets.lake.tables import open_table
from opetence_assets.lake.verdicts import CheckResult, verdict
from opetence_assets.quality.judging import day_results
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings, read_settings

SCALE = 0.3  # 120 orders on a day at the end: enough for a day to be judged by
# What is wrong in the sandbox on purpose: two products have garbled names all along, and on its third day the product
# service gets a column that nobody declared. Checks that say so are right.
KNOWN = {("bronze/product_service/products", "declared_columns"), ("silver/product_service/products", "warned")}


@dataclass(frozen=True)
class Alarm:
    """A check that failed on a day of the story."""

    day: date
    table: str
    check: str
    found: str

    def __str__(self) -> str:
        return f"{self.day} {self.table} {self.check}: {self.found}"


def judged_round(settings: Settings, lake: Lake, datasets: tuple[Dataset, ...]) -> list[Alarm]:
    """Loads, refines and judges what is new, and releases it; the alarms of the day that has just ended."""
    now, versions, alarms = settings.now(), dict[str, int](), list[Alarm]()
    for dataset in datasets:
        loaded = load(dataset, lake, settings)
        version = refine(dataset, lake, settings.scratch).version
        bronze, silver = open_table(lake, dataset.table("bronze")), open_table(lake, dataset.table("silver"), version)
        assert bronze is not None
        assert silver is not None
        told = {bronze.key: bronze_results(dataset, lake, bronze, loaded.refused), silver.key: list[CheckResult]()}
        if verdict(lake, silver.key, version) is None:
            told[silver.key] = judge_silver(dataset, lake, silver, now=now)
        else:  # nothing new: only its age is another
            told[silver.key] = [r for r in day_results(dataset, lake, silver, now=now) if r.name == "fresh"]
        versions[silver.key] = version
        day = now.date() - timedelta(days=1)
        alarms += [Alarm(day, key, r.name, r.found) for key, results in told.items() for r in results if not r.passed]
    publish(lake, versions)
    return [alarm for alarm in alarms if (alarm.table, alarm.check) not in KNOWN]


def clean_days(home: Path, days: int, scale: float = SCALE, seed: int = 1) -> list[Alarm]:
    """Every alarm of so many days, told as they come."""
    os.environ["OPETENCE_REAL_DATA"] = ""
    from sandbox import seed as fill
    from sandbox import tick, told, up

    up(home)
    if told(home) is None:
        fill(home, scale, seed, datetime.now(UTC).date() - timedelta(days=days + 1))
    alarms: list[Alarm] = []
    for number in range(days + 1):
        settings = read_settings({"OPETENCE_HOME": str(home)})
        found = judged_round(settings, lake_at(settings), all_datasets())
        sys.stderr.write("".join(f"{alarm}\n" for alarm in found) or f"{settings.now().date()} quiet\n")
        alarms += found
        if number < days:
            tick(home)
    return alarms


def rehearse(days: int, home: Path | None = None) -> list[Alarm]:
    """In a home of its own that is removed again, unless one is named."""
    from sandbox import down

    folder = home or Path(tempfile.mkdtemp(prefix="day", dir="/tmp"))
    try:
        return clean_days(folder, days)
    finally:
        down(folder)
        if home is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    all_alarms = rehearse(asked, Path(sys.argv[2]) if len(sys.argv) > 2 else None)
    sys.stdout.write(f"{len(all_alarms)} false alarms on {asked} clean days of {len(all_datasets())} datasets\n")
    sys.stdout.write("".join(f"  {alarm}\n" for alarm in all_alarms))
