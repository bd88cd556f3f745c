"""Everything that is checked of a version, in the order it is asked: what an asset check, a rehearsal and a proof call.

No orchestrator: the results are plain, masked and kept as the version's verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from opetence_assets.checks.arrival import arrival_results
from opetence_assets.checks.completeness import completeness_results
from opetence_assets.checks.personal import personal_result
from opetence_assets.checks.quality import quality_results
from opetence_assets.dataset import Dataset
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import Table
from opetence_assets.lake.verdicts import CheckResult, record
from opetence_assets.privacy.detection import masked
from opetence_assets.privacy.messages import errors_without_values
from opetence_assets.quality.history import Run
from opetence_assets.quality.judging import day_results
from opetence_assets.quality.measuring import measure
from opetence_assets.quality.references import reference_results


def judge_silver(
    dataset: Dataset, lake: Lake, silver: Table, *, now: datetime, run: Run | None = None
) -> list[CheckResult]:
    """Judges a silver version, measures it on the way, and records the verdict; ``now``: what ages are told from."""
    with errors_without_values(dataset.name):
        results = [*quality_results(dataset, silver), *completeness_results(dataset, lake, silver)]
        results.append(personal_result(dataset, lake, silver))
        measure(dataset, lake, silver, now=now, run=run)  # the day is judged against what was measured of it
        results += reference_results(dataset, lake, silver)
        results += day_results(dataset, lake, silver, now=now)
    return _recorded(lake, silver, results)


def bronze_results(dataset: Dataset, lake: Lake, bronze: Table, refused: tuple[str, ...]) -> list[CheckResult]:
    """Judges what a load noticed at the source, and records the verdict; ``refused``: files it left out, with why."""
    return _recorded(lake, bronze, arrival_results(dataset, lake, bronze, refused))


def _recorded(lake: Lake, table: Table, results: Sequence[CheckResult]) -> list[CheckResult]:
    """As they may be kept and shown: the name of a file or a column is somebody else's text."""
    told = [replace(result, found=masked(result.found)) for result in results]
    record(lake, table.key, table.version, told)
    return told
