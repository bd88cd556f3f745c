"""Two hundred ways in which a load can be wrong: the check that is named for each must say so, and say where.

``python -m opetence_assets_tests.quality.corruptions [COUNT [SEED]]`` seeds a company, strikes and lists what was
missed; 0 strikes with everything there is.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.datasets import all_datasets
from opetence_assets.lake.tables import open_table
from opetence_assets.quality.figures import by_day, event_column
from opetence_assets.quality.judging import is_watched
from opetence_assets_tests.quality.company import (
    Case,
    Company,
    arrived,
    case_of,
    founded,
    judged,
    last_day,
    on_day,
    refined,
)
from opetence_assets_tests.quality.day_kinds import of_days
from opetence_assets_tests.quality.hop_kinds import of_hops
from opetence_assets_tests.quality.kinds import (
    Corruption,
    of_optional,
    of_own_rules,
    of_passes,
    of_references,
    of_rows,
    of_texts,
    of_times,
)
from opetence_assets_tests.quality.source_kinds import of_files, of_tables
from opetence_assets_tests.quality.table_kinds import of_counts, of_silver

LEARNED = 28  # days of history, below which no day is judged
EVERY = (
    *(of_rows, of_own_rules, of_optional, of_passes, of_times, of_texts, of_references),
    *(of_counts, of_silver, of_tables, of_files),
)
STEADY = 1.0  # hours: what happens around the clock has no time of day
ENOUGH = 60  # rows of a day, below which one day says little
SCALE = 0.3


def possible(company: Company) -> list[Corruption]:
    """Everything that can go wrong with each dataset, by its declaration."""
    found, there = list[Corruption](), {dataset.name for dataset in company.datasets}
    for dataset in company.datasets:
        bronze = open_table(company.lake, dataset.table("bronze"))
        assert bronze is not None
        filled = bronze.scan().tail(10_000).collect()
        schema = pl.Schema(
            {name: dtype for name, dtype in filled.schema.items() if filled[name].null_count() < len(filled)}
        )
        found += [corruption for kind in EVERY for corruption in kind(dataset, schema)]
        found += of_hops(dataset, bronze)
        if is_watched(dataset) and event_column(dataset) is not None:
            found += _of_days(company, dataset, schema)
    return [one for one in found if one.by != "references" or one.naming in there]


def _of_days(company: Company, dataset: Dataset, schema: pl.Schema) -> list[Corruption]:
    case = case_of(company, dataset, f"size/{dataset.name}")
    figures = by_day(dataset, case.table("silver"))
    rows = int(on_day(case, case.rows, last_day(case)).sum())
    if figures["day"].n_unique() <= LEARNED or rows < ENOUGH:
        return []
    hour = figures.filter(pl.col("metric_name") == "hour").sort("day").tail(LEARNED)["value"]
    steady = len(hour) > 0 and np.std(hour.to_numpy()) < STEADY
    return list(of_days(dataset, schema, hours=bool(steady)))


def chosen(corruptions: Sequence[Corruption], count: int, chance: random.Random) -> list[Corruption]:
    """So many of them, every kind as often as it goes."""
    by_kind: dict[str, list[Corruption]] = {}
    for corruption in chance.sample(corruptions, len(corruptions)):
        by_kind.setdefault(corruption.kind, []).append(corruption)
    turns = [one for turn in range(len(corruptions)) for ones in by_kind.values() for one in ones[turn : turn + 1]]
    return turns[: count or len(turns)]


def clean(company: Company) -> dict[str, dict[str, str]]:
    """What the checks of each dataset say of the newest load as it came: what they say then is no catch."""
    told: dict[str, dict[str, str]] = {}
    for dataset in company.datasets:
        case = case_of(company, dataset, f"clean/{dataset.name}")
        arrived(case, case.rows)
        refined(case)
        judged(case)
        told[dataset.name] = case.failed
    return told


def missed(company: Company, corruptions: Sequence[Corruption], seed: int) -> list[str]:
    """Strikes with each, one after the other; those that the named check did not catch, and what was said instead."""
    before, wrong = clean(company), list[str]()
    for number, corruption in enumerate(corruptions):
        case = case_of(company, corruption.dataset, f"{number:04}/{corruption.dataset.name}")
        corruption.strike(case, random.Random(f"{seed} {corruption}"))
        if not _caught(corruption, case, before[corruption.dataset.name]):
            wrong.append(f"{corruption}; said: {case.failed or 'nothing'}")
        shutil.rmtree(case.lake.uri)
    return wrong


def _caught(corruption: Corruption, case: Case, before: dict[str, str]) -> bool:
    said = case.failed.get(corruption.by)
    return said is not None and corruption.naming in said and said != before.get(corruption.by)


def rehearse(count: int, seed: int) -> str:
    """A company of its own, struck and removed again."""
    from sandbox import down

    home, started = Path(tempfile.mkdtemp(prefix="cor", dir="/tmp")), time.perf_counter()
    try:
        company = founded(home, all_datasets(), SCALE)
        all_of_them = possible(company)
        struck = chosen(all_of_them, count, random.Random(seed))
        wrong = missed(company, struck, seed)
    finally:
        down(home)
        shutil.rmtree(home)
    kinds = len({corruption.kind for corruption in struck})
    return (
        f"{len(struck) - len(wrong)} of {len(struck)} corruptions of {kinds} kinds caught by the check that was named, "
        f"of {len(all_of_them)} possible; {time.perf_counter() - started:.0f} s\n" + "".join(f"  {w}\n" for w in wrong)
    )


if __name__ == "__main__":
    asked = [int(argument) for argument in sys.argv[1:]]
    sys.stdout.write(rehearse(*(asked + [200, 1][len(asked) :])))
