"""What a load noticed at the source: columns nobody declared, files nobody could read."""

from __future__ import annotations

from opetence_assets.dataset import Dataset
from opetence_assets.lake.drift import DriftEvent, drift_events
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import Table
from opetence_assets.lake.verdicts import CheckResult
from opetence_assets.privacy.treatment import declared_columns


def arrival_results(dataset: Dataset, lake: Lake, bronze: Table, refused: tuple[str, ...]) -> list[CheckResult]:
    """Warnings, not blocks: the undeclared columns are in bronze, sealed; the refused files are still in the folder."""
    undeclared = [f"{event.change.removeprefix('added: ')} since {event.at}" for event in open_drift(dataset, lake)]
    results = [
        CheckResult(
            "declared_columns",
            not undeclared,
            blocking=False,
            found=f"undeclared {', '.join(undeclared)} (kept sealed)" if undeclared else "every column declared",
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


def open_drift(dataset: Dataset, lake: Lake) -> list[DriftEvent]:
    """Columns and fields that appeared at the source and that the declaration still does not know."""
    shape = getattr(dataset.feed, "shape", None)
    known = {*declared_columns(dataset), *(shape.known if shape else ())}
    return [
        event
        for event in drift_events(lake, dataset.name)
        if event.change.startswith("added: ") and event.change.removeprefix("added: ") not in known
    ]
