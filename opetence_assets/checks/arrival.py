"""What a load noticed at the source: columns nobody declared, files nobody could read."""

from __future__ import annotations

from opetence_assets.dataset import Dataset
from opetence_assets.lake.places import Lake
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.tables import Table
from opetence_assets.lake.verdicts import CheckResult


def arrival_results(dataset: Dataset, lake: Lake, bronze: Table, refused: tuple[str, ...]) -> list[CheckResult]:
    """Warnings, not blocks: the undeclared columns are in bronze, sealed; the refused files are still in the folder."""
    undeclared = last_progress(lake, bronze.key, bronze.version).get("undeclared", [])
    results = [
        CheckResult(
            "declared_columns",
            not undeclared,
            blocking=False,
            found=f"undeclared columns {', '.join(undeclared)} (kept sealed)"
            if undeclared
            else "every column declared",
            allowed=f"columns of the schema; add it in opetence_assets/datasets/{dataset.name}.py",
        )
    ]
    if dataset.feed.since:
        results.append(
            CheckResult(
                "readable_files",
                not refused,
                blocking=False,
                found="; ".join(refused) or "every file readable",
                allowed="files as declared; ask the partner for them again",
            )
        )
    return results
