"""The checks of a table, run again where it was restored."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opetence_assets.checks.quality import quality_results
from opetence_assets.dataset import Dataset
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import open_table
from opetence_assets.privacy.detection import masked
from opetence_assets.privacy.messages import errors_without_values


def failing_checks(datasets: Sequence[Dataset]) -> Callable[[Lake, str], list[str]]:
    """A function of lake and lake key: what fails there, in words without values; nothing is recorded.

    What would not have kept it out of a release (a warning) fails no restore either.

    Gold's tests ran before its release and need dbt: of a restored one its bytes are compared.
    """
    declared = {dataset.table("silver"): dataset for dataset in datasets}

    def judged(lake: Lake, key: str) -> list[str]:
        dataset, table = declared.get(key), open_table(lake, key)
        if dataset is None or table is None:
            return []
        with errors_without_values(dataset.name):
            results = quality_results(dataset, table)
        return [f"{result.name}: {masked(result.found)}" for result in results if result.blocking and not result.passed]

    return judged
