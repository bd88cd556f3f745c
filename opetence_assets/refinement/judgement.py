"""One scan that judges every rule; only where a row failed is its list of reasons made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from opetence_assets.dataset import DataError, Dataset
from opetence_assets.privacy.rules import Rule
from opetence_assets.refinement.shape import rules_of, silver_types

ROW, REASONS = "_row", "reasons"
# What a load says of a row, by the bronze column it says it in.
_ARRIVAL = {
    "_broken": Rule("unreadable", pl.col("_broken").is_null()),
    "_drifted": Rule("undeclared column", ~pl.col("_drifted").fill_null(False)),
}


@dataclass(frozen=True)
class Judged:
    """Tidied rows by verdict; ``refused`` has ROW and REASONS (List of String) only."""

    valid: pl.DataFrame
    refused: pl.DataFrame
    filtered: int


def judge(dataset: Dataset, tidied: pl.DataFrame) -> Judged:
    """Splits tidied rows into valid and refused; counts what the declared filters leave out.

    Raises:
        DataError: tidy gave other columns or types than the schema declares.
    """
    _check_types(dataset, tidied)
    kept = (
        tidied.filter(~pl.any_horizontal(f.fill_null(False) for f in dataset.filters.values()))
        if dataset.filters
        else tidied
    )
    rules = (*(rule for column, rule in _ARRIVAL.items() if column in kept.columns), *rules_of(dataset))
    passes = kept.select(pl.all_horizontal(rule.valid for rule in rules).alias("ok"))["ok"] if rules else None
    if passes is None or passes.all():
        return Judged(kept, _no_refusals(), len(tidied) - len(kept))
    bad = kept.filter(~passes)
    refused = bad.select(ROW, reasons(rules).alias(REASONS))
    return Judged(kept.filter(passes), refused, len(tidied) - len(kept))


def reasons(rules: Sequence[Rule]) -> pl.Expr:
    """The names of the rules a row breaks."""
    broken = (pl.when(~rule.valid).then(pl.lit(rule.name)) for rule in rules)
    return pl.concat_list(*broken).list.drop_nulls()


def _no_refusals() -> pl.DataFrame:
    return pl.DataFrame(schema={ROW: pl.UInt32, REASONS: pl.List(pl.String)})


def _check_types(dataset: Dataset, tidied: pl.DataFrame) -> None:
    wrong = [
        f"{name} {tidied.schema.get(name, 'absent')} (declared {dtype})"
        for name, dtype in silver_types(dataset).items()
        if tidied.schema.get(name) != dtype
    ]
    if wrong:
        raise DataError(
            dataset.name,
            found=f"columns of another type than declared: {'; '.join(wrong)}",
            allowed="the types of the schema",
            next_command=f"edit the schema or tidy in opetence_assets/datasets/{dataset.name}.py",
        )
