"""All that is declared, as one JSON document: what a release was made from, and what the next would be made from.

A release names the document it was made by (``notes["declared"]``); the lake keeps each once, under its digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from opetence_assets.dataset import DataError, Dataset
from opetence_assets.lake.places import Lake, put_new, read
from opetence_assets.lake.releases import Release
from opetence_assets.lineage.columns import as_data, made_graph
from opetence_assets.lineage.graph import Graph
from opetence_assets.review.declared import described_dataset
from opetence_assets.review.modelled import described_exposures, described_models

Description = Mapping[str, Any]
DECLARED, DECLARATIONS = "declared", "declarations"  # notes of a release: the document, and its datasets alone
FORM = 1  # of the document; one of another form is not compared


def describe(content: Mapping[str, Any], datasets: Iterable[Dataset], graph: Graph | None = None) -> dict[str, Any]:
    """The description of dbt's manifest and these declarations; ``graph`` is their columns', if it is made already."""
    known = tuple(datasets)
    return {
        "form": FORM,
        "datasets": {dataset.name: described_dataset(dataset) for dataset in known},
        "models": described_models(content),
        "exposures": described_exposures(content),
        "columns": as_data(graph or made_graph(content, known)),
    }


def encoded(description: Description) -> bytes:
    """The same bytes for the same description, in whatever order it was put together."""
    return (json.dumps(description, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def keep(lake: Lake, description: Description) -> dict[str, str]:
    """Keeps a description in the lake; returns the notes by which a release names it.

    Its digest does not depend on the graph, which is only read off the rest.
    """
    digest = _digest({name: part for name, part in description.items() if name != "columns"})
    put_new(lake, _path(digest), encoded(description))
    return {DECLARED: digest, DECLARATIONS: _digest(description["datasets"])}


def declarations_digest(datasets: Iterable[Dataset]) -> str:
    """What a release notes of the declarations alone: whether they are still those costs 0.2 s."""
    return _digest({dataset.name: described_dataset(dataset) for dataset in datasets})


def description_of(lake: Lake, release: Release) -> Description:
    """What a release was made by.

    Raises:
        DataError: the release is older than descriptions are kept, or its description is gone.
    """
    digest = release.notes.get(DECLARED)
    try:
        return checked(json.loads(read(lake, _path(str(digest)))), f"release {release.number}")
    except FileNotFoundError:
        raise DataError(
            f"release {release.number}",
            found=f"no description of what it was declared as ({DECLARED}: {digest})",
            allowed="a release that carries one",
            next_command="opetence run on the deployed code makes one; or opetence plan --against FILE",
        ) from None


def description_in(file: Path) -> Description:
    """An exported description.

    Raises:
        DataError: there is no such file, or it is none.
    """
    try:
        return checked(json.loads(file.read_bytes()), str(file))
    except (OSError, ValueError) as error:
        raise DataError(
            str(file),
            found=f"no description ({type(error).__name__})",
            allowed="what opetence plan --export FILE writes",
            next_command="opetence plan --export FILE on the deployed code",
        ) from error


def checked(content: Any, where: str) -> Description:
    """Raises DataError unless the content is a description of the form that is known here."""
    if not isinstance(content, dict) or content.get("form") != FORM:  # pyright: ignore[reportUnknownMemberType]
        raise DataError(
            where,
            found="a description of another form",
            allowed=f"form {FORM}",
            next_command="opetence plan --export FILE, with this version of the platform, on the deployed declarations",
        )
    return content  # pyright: ignore[reportUnknownVariableType]


def _digest(part: Mapping[str, Any]) -> str:
    return hashlib.sha256(encoded(part)).hexdigest()


def _path(digest: str) -> str:
    return f"declared/{digest}.json"
