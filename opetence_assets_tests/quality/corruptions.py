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

from opetence_assets.datasets import all_datasets
from opetence_assets.lake.tables import open_table
from opetence_assets.quality.figures import event_column
from opetence_assets.quality.judging import is_watched
from opetence_assets_tests.quality.company import Case, Company, arrived, case_of, founded, judged, last_day, on_day
from opetence_assets_tests.quality.company import refined
from opetence_assets_tests.quality.kinds import EVERY, Corruption, of_days

ENOUGH = 60  # rows of a day, below which one day says little
SCALE = 0.3


def possible(company: Company) -> list[Corruption]:
    """Everything that can go wrong with each dataset, by its declaration."""
    found: list[Corruption] = []
    for dataset in company.datasets:
        bronze = open_table(company.lake, dataset.table("bronze"))
        assert bronze is not None
        schema = bronze.scan().collect_schema()
        kinds = [*EVERY, of_days] if is_watched(dataset) and _busy(company, dataset.name) else EVERY
        found += [corruption for kind in kinds for corruption in kind(dataset, schema)]
    return found


def _busy(company: Company, name: str) -> bool:
    dataset = next(one for one in company.datasets if one.name == name)
    if event_column(dataset) is None:
        return False
    case = case_of(company, dataset, f"size/{name}")
    return int(on_day(case, case.rows, last_day(case)).sum()) >= ENOUGH


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
