"""Schema drift is an event: noted once for what it is, whether its load was kept or refused."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import polars as pl

from opetence_assets.dataset import Dataset, Drift, DriftError
from opetence_assets.lake.drift import note
from opetence_assets.lake.places import Lake
from opetence_assets.privacy.treatment import declared_columns

DRIFTED = "_drifted"  # whether a row has a value in a column that nobody declared


def refuse_frozen(dataset: Dataset, undeclared: Sequence[str]) -> None:
    """Raises DriftError if the source has grown and the declaration says it may not."""
    if undeclared and dataset.drift is Drift.FREEZE:
        raise DriftError(
            dataset.name,
            tuple(f"added: {name}" for name in undeclared),
            found=f"undeclared {', '.join(sorted(undeclared))} in the source",
            allowed="the declared columns only (drift is frozen)",
            next_command=f"declare it in opetence_assets/datasets/{dataset.name}.py, or have it removed at the source",
        )


def marked(dataset: Dataset, batch: pl.DataFrame) -> pl.DataFrame:
    """A batch with each row's drift told, where rows that drift are to wait in quarantine."""
    if dataset.drift is not Drift.QUARANTINE:
        return batch
    extra = [c for c in batch.columns if c not in declared_columns(dataset) and not c.startswith("_")]
    drifted = pl.any_horizontal(pl.col(name).is_not_null() for name in extra) if extra else pl.lit(False)
    return batch.with_columns(drifted.alias(DRIFTED))


def note_undeclared(dataset: Dataset, lake: Lake, undeclared: Sequence[str], load: str) -> None:
    """Notes the columns that a load has taken in sealed, the first time each is seen."""
    for name in undeclared:
        note(lake, dataset.name, f"added: {name}", load=load, outcome=dataset.drift.value)


@contextmanager
def drift_noted(dataset: Dataset, lake: Lake) -> Generator[None]:
    """Notes the drift that a load is refused for."""
    try:
        yield
    except DriftError as error:
        for change in error.changes:
            note(lake, dataset.name, change, load=None, outcome="refused")
        raise
