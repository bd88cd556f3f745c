"""By which declaration each silver table was last made whole, so that a rebuild nobody ran stays due.

A run refines what lands by the declaration of the day; rows that are there stay as they were made. The plan compares
with the last release, and the next release, made by the new declaration, would have it forget them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from opetence_assets.dataset import Dataset
from opetence_assets.lake.places import Lake, listing, put_new, read
from opetence_assets.review.change import Reached
from opetence_assets.review.dataset_changes import dataset_changes
from opetence_assets.review.declared import described_dataset
from opetence_assets.review.description import FORM, Description
from opetence_assets.review.rebuilds import Rebuild, silver_rebuilds

FOLDER = "declared/made"  # in gold's backups, as all of ``declared``
ANEW = ("refine", "stay")  # what a rebuild mends, and nothing else: no run stops for it


def note_making(lake: Lake, dataset: Dataset, *, anew: bool) -> None:
    """Notes what silver was declared as when it was made: the first time, and whenever it was made ``anew``.

    Comes after the commit: killed between them, the rebuild is due once more.
    """
    noted = listing(lake, f"{FOLDER}/{dataset.name}")
    if noted and not anew:
        return
    body = json.dumps({"form": FORM, "dataset": described_dataset(dataset)}, sort_keys=True).encode()
    put_new(lake, f"{FOLDER}/{dataset.name}/{len(noted):06d}.json", body)  # a table has one writer: its pool


def makings(lake: Lake, names: Iterable[str]) -> dict[str, Any]:
    """What each of these datasets was declared as when its silver was last made, where that is known."""
    found: dict[str, Any] = {}
    for name in names:
        if noted := listing(lake, f"{FOLDER}/{name}"):
            said = json.loads(read(lake, noted[-1]))
            if said["form"] == FORM:  # one of another form cannot be compared: unknown, as before any was noted
                found[name] = said["dataset"]
    return found


def still_due(made: Mapping[str, Any], after: Description, planned: Iterable[Rebuild]) -> list[Rebuild]:
    """Silver tables that changes of earlier releases left to be made anew, besides those that are planned already."""
    known = {one.table for one in planned}
    changes = [
        Reached(change)
        for name, before in sorted(made.items())
        if name in after["datasets"] and f"silver/{name}" not in known
        for change in dataset_changes(name, before, after["datasets"][name])
        if change.follows in ANEW
    ]
    return [replace(one, why=f"{one.why} since it was made") for one in silver_rebuilds(after, changes, None)]
