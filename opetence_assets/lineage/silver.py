"""The way of a dataset's columns from its source over bronze to silver, read off its declaration and its ``tidy``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

import polars as pl

from opetence_assets.dataset import DataError, Dataset, Pii
from opetence_assets.lineage.graph import Column, Origin
from opetence_assets.privacy.treatment import NEVER_LANDS, SEALED, declared_columns, treated_columns
from opetence_assets.refinement.shape import (
    IS_CURRENT,
    VALID_FROM,
    VALID_TO,
    declared_types,
    table_types,
)

_UTC = pl.Datetime("us", "UTC")
# What a load adds to every row or may add; tidy sees it.
_ADDED: Mapping[str, pl.DataType] = {
    **{"_load_id": pl.String(), "_loaded_at": _UTC, "_cursor": _UTC, "_broken": pl.String(), "_drifted": pl.Boolean()},
    **{"_file": pl.String(), "_line": pl.Int64(), "_deleted": pl.Boolean(), "_position": pl.Int64()},
    SEALED: pl.Binary(),
}


def landed_name(name: str) -> str:
    """A source's column as bronze names it (``InvoiceNo`` → ``invoice_no``), as dlt's snake_case does."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def landed_from(dataset: Dataset) -> dict[str, tuple[Origin, ...]]:
    """Bronze's columns → the source's: as they are, by their treatment, or all sealed together."""
    treated = {t.source: t for t in treated_columns(dataset)}
    table, found = dataset.table("source"), dict[str, tuple[Origin, ...]]()
    for name in declared_columns(dataset):
        if name not in treated:
            found[landed_name(name)] = (Origin(Column(table, name)),)
        elif kept := treated[name].name:
            found[landed_name(kept)] = (Origin(Column(table, name), by=(treated[name].pii.value,)),)
    sealed = [Origin(Column(table, t.source), by=("seal",)) for t in treated.values() if t.pii not in NEVER_LANDS]
    return {**found, SEALED: tuple(sealed)} if sealed else found


@cache
def tidied_from(dataset: Dataset) -> dict[str, frozenset[str]]:
    """Every column that tidy gives → the bronze columns it needs.

    Asked of Polars itself: one column is selected of the tidied rows, and the optimizer tells the source which columns
    it needs for that. A function it cannot look into needs all of them.

    Raises:
        DataError: tidy names a column that bronze has not.
    """
    from polars.io.plugins import register_io_source

    types, asked = bronze_types(dataset), set[str]()

    def rows(columns: list[str] | None, *_: object) -> Iterator[pl.DataFrame]:
        needed = list(types) if columns is None else columns
        asked.update(needed)
        yield pl.DataFrame(schema=types).select(needed)

    try:
        tidied = dataset.tidy(register_io_source(rows, schema=types))
        names = tidied.collect_schema().names()
    except pl.exceptions.ColumnNotFoundError as error:
        raise DataError(
            dataset.name,
            found=f"a tidy that asks for what is not there: {str(error).splitlines()[0]}",
            allowed="the columns of bronze",
            next_command=f"edit the schema or tidy in opetence_assets/datasets/{dataset.name}.py",
        ) from error
    eager = frozenset(asked)  # what it looked at before it was asked for anything may be in every column
    found: dict[str, frozenset[str]] = {}
    for name in names:
        asked.clear()
        tidied.select(name).collect()
        found[name] = frozenset(asked) | eager
    return found


def refined_from(dataset: Dataset) -> dict[str, tuple[Origin, ...]]:
    """Silver's columns → bronze's; of its bookkeeping only the history's, which the cursor makes."""
    bronze, made = dataset.table("bronze"), tidied_from(dataset)
    history = {VALID_FROM, VALID_TO, IS_CURRENT} if dataset.history else set[str]()
    return {
        name: tuple(
            Origin(Column(bronze, one))
            for one in sorted(made.get(str(dataset.cursor) if name in history else name, frozenset()))
        )
        for name in table_types(dataset)
    }


def looked_at(dataset: Dataset) -> tuple[Column, ...]:
    """The bronze columns that decide which rows silver has: of its key and its filters.

    Not of its rules: a row that breaks one is an exception, and quarantine tells it.
    """
    made = tidied_from(dataset)
    names = {*dataset.key, *(name for left_out in dataset.filters.values() for name in left_out.meta.root_names())}
    return tuple(sorted({Column(dataset.table("bronze"), one) for name in names for one in made.get(name, ())}))


def bronze_types(dataset: Dataset) -> dict[str, pl.DataType]:
    """What tidy is given: the columns a load leaves, and what it may add to them."""
    text = getattr(dataset.feed, "columns", None)
    types, treated = declared_types(dataset), {t.source: t for t in treated_columns(dataset)}
    found: dict[str, pl.DataType] = {}
    for name in declared_columns(dataset):
        kept = treated.get(name)
        if kept is None:
            found[landed_name(name)] = pl.String() if text is not None else types[name]
        elif kept.name and kept.dtype is not None and kept.pii is not Pii.REDACT:
            found[landed_name(kept.name)] = kept.dtype
    verdicts = {t.verdict: pl.Boolean() for t in treated.values() if t.rules}
    return {**found, **verdicts, **{name: dtype for name, dtype in _ADDED.items() if name not in found}}
