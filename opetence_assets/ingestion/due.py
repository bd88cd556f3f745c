"""What has something to do: sources that moved on since their newest load, silver that is behind its bronze."""

from __future__ import annotations

from datetime import date
from typing import cast

from opetence_assets.dataset import DailyFeed, Dataset
from opetence_assets.ingestion.bronze import taken_by
from opetence_assets.ingestion.looked import nothing_new_in
from opetence_assets.lake.places import Lake
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.tables import open_table
from opetence_assets.lake.verdicts import failed, verdict
from opetence_assets.settings import Settings


def is_due(dataset: Dataset, lake: Lake, settings: Settings) -> bool:
    """Whether a table's source has moved, its silver is behind, or its newest silver is not released for a reason."""
    bronze, silver = open_table(lake, dataset.table("bronze")), open_table(lake, dataset.table("silver"))
    if bronze is None or silver is None:
        return True
    loaded = last_progress(lake, bronze.key, bronze.version).get("fingerprint")
    consumed = last_progress(lake, silver.key, silver.version).get("consumed", {}).get(bronze.key)
    known = (loaded, nothing_new_in(dataset, settings, bronze.version))
    moved = dataset.feed.since is None and dataset.feed.fingerprint(dataset, settings) not in known
    results = verdict(lake, silver.key, silver.version)
    return moved or consumed != bronze.version or results is None or bool(failed(results))


def due_days(dataset: Dataset, lake: Lake, settings: Settings) -> list[date]:
    """The days of files that bronze has not taken; a file without a day counts for today, to be refused by name."""
    return cast(DailyFeed, dataset.feed).untaken_days(settings, taken_by(lake, dataset.table("bronze")))


def is_followed(dataset: Dataset) -> bool:
    """Whether its source tells changes, so that it may be taken within seconds instead of by the round."""
    return getattr(dataset.feed, "follows", False)
