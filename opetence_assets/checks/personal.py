"""Whether silver holds what looks like a person's: an e-mail in a column that nobody declared personal."""

from __future__ import annotations

from hashlib import sha256

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import Table
from opetence_assets.lake.verdicts import CheckResult, verdict
from opetence_assets.privacy.detection import ANY, personal_values, told
from opetence_assets.refinement.shape import VERSION, table_types

NAME = "no_personal_values"
_LOOK_BACK = 20  # versions; beyond them the whole table is scanned again
_DETECTORS = sha256(ANY.encode()).hexdigest()[:12]


def personal_result(dataset: Dataset, lake: Lake, silver: Table) -> CheckResult:
    """Searches the text columns of the rows written since a version that was searched by the same detectors."""
    seen = _searched(lake, silver)
    rows = silver.scan() if seen is None else silver.scan().filter(pl.col(VERSION) > seen)
    found = personal_values(rows, [name for name, dtype in table_types(dataset).items() if dtype == pl.String()])
    return CheckResult(
        NAME,
        not found,
        found="; ".join(f"{told(kinds)} in {name}" for name, kinds in found.items()) or "none",
        allowed=f"none in the clear: declare the column's class of personal data in "
        f"opetence_assets/datasets/{dataset.name}.py, then opetence run --select {dataset.name} --reload",
        metadata={"detectors": _DETECTORS},
    )


def _searched(lake: Lake, silver: Table) -> int | None:
    """The newest version before this one in which these detectors found nothing."""
    for version in range(silver.version - 1, max(silver.version - 1 - _LOOK_BACK, -1), -1):
        for result in verdict(lake, silver.key, version) or ():
            if result.name == NAME and result.passed and result.metadata.get("detectors") == _DETECTORS:
                return version
    return None
