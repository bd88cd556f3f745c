"""A pass that holds more bad rows than its rules tolerate is refused whole, before anything is committed."""

from __future__ import annotations

import polars as pl

from opetence_assets.contract.severity import PassRefused, excesses
from opetence_assets.dataset import Dataset
from opetence_assets.refinement.duplicates import newest, settled
from opetence_assets.refinement.judgement import Judged, broken_by, graded_rules


def refuse_excess(dataset: Dataset, judged: Judged, gone: pl.DataFrame) -> None:
    """Lets a pass go on whose rows are within the grades.

    Bronze is append-only: a row that the source has since corrected or deleted is still in the pass. So only each key's
    last state counts, and a refused pass goes through once the source is right.

    Raises:
        PassRefused: more rows break a rule than its grade allows.
    """
    rules = graded_rules(dataset)
    if not excesses(dataset, rules, judged.broken, judged.rows):
        return
    states = newest(dataset, settled(dataset, pl.concat([judged.valid, judged.bad]), gone).rows)
    if found := excesses(dataset, rules, broken_by(states, rules), judged.rows):
        raise PassRefused(dataset, judged.rows, found)
