"""Silver's columns, keys, rules and contract, derived from a declaration."""

from __future__ import annotations

from functools import cache
from typing import TypeVar

import polars as pl

from opetence_assets.contract.rules import Rule, field_rules, frame_rules, unique_sets
from opetence_assets.contract.scan import Contract
from opetence_assets.contract.severity import unknown_grades
from opetence_assets.dataset import Dataset
from opetence_assets.privacy.treatment import treated_columns

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)
UNREAD = "_unread_"  # + column: its text could not be read, though it may be empty
VERSION = "_version"  # the silver version that last wrote a row: what changed since a release is a filter on it
VALID_FROM, VALID_TO, IS_CURRENT = "valid_from", "valid_to", "is_current"


@cache
def declared_types(dataset: Dataset) -> dict[str, pl.DataType]:
    """Every declared column's Polars type, as an instance, before treatment."""
    columns = dataset.schema.to_schema().columns
    return {name: _instance(column.dtype.type) for name, column in columns.items()}


@cache
def silver_types(dataset: Dataset) -> dict[str, pl.DataType]:
    """Silver's columns and types after treatment, in declared order, without bookkeeping."""
    treated = {t.source: t for t in treated_columns(dataset)}
    types: dict[str, pl.DataType] = {}
    for name, dtype in declared_types(dataset).items():
        if name not in treated:
            types[name] = dtype
        elif (kept := treated[name]).name and kept.dtype is not None:
            types[kept.name] = kept.dtype
    return types


@cache
def table_types(dataset: Dataset) -> dict[str, pl.DataType]:
    """All columns of the silver table."""
    utc = pl.Datetime("us", "UTC")
    history = {VALID_FROM: utc, VALID_TO: utc, IS_CURRENT: pl.Boolean()} if dataset.history else {}
    return {**silver_types(dataset), **history, VERSION: pl.Int64()}


def with_new_columns(dataset: Dataset, raw: Frame) -> Frame:
    """Bronze rows with the columns that were declared since they landed, null in all of them.

    Only columns that the source has under their declared name: one that tidy makes is tidy's to make.
    """
    treated = {t.source: t for t in treated_columns(dataset)}
    text = getattr(dataset.feed, "columns", None)
    added: dict[str, pl.Expr] = {}
    for name, dtype in declared_types(dataset).items():
        if (kept := treated.get(name)) is not None:
            added |= {kept.name: pl.lit(None, kept.dtype)} if kept.name else {}
            added |= {kept.verdict: pl.lit(True)} if kept.rules else {}
        elif text is None or name in text:
            added[name] = pl.lit(None, pl.String() if text is not None else dtype)
    known = raw.collect_schema().names()
    return raw.with_columns(**{name: value for name, value in added.items() if name not in known})


def tidied(dataset: Dataset, raw: pl.DataFrame) -> pl.DataFrame:
    """Rows as rules judge them. Of a column that may be empty, beside it whether its text was lost in the reading.

    A text that cannot be read becomes null; where none may be, a rule refuses it. Elsewhere it would pass for empty.
    """
    columns, types = dataset.schema.to_schema().columns, silver_types(dataset)
    texts = [
        name
        for name, dtype in types.items()
        if name in columns and columns[name].nullable and dtype != pl.String() and raw.schema.get(name) == pl.String()
    ]
    written = raw.with_columns((pl.col(name).str.strip_chars() != "").alias(f"{UNREAD}{name}") for name in texts)
    lost = (
        (pl.col(f"{UNREAD}{name}").fill_null(False) & pl.col(name).is_null()).alias(f"{UNREAD}{name}") for name in texts
    )
    return dataset.tidy(written.lazy()).with_columns(lost).collect()


def table_key(dataset: Dataset) -> tuple[str, ...]:
    """What is unique in the silver table: the declared key, per version where history is kept."""
    return (*dataset.key, VALID_FROM) if dataset.history else dataset.key


@cache
def rules_of(dataset: Dataset) -> tuple[Rule, ...]:
    """Everything a tidied row must satisfy: field rules, verdicts on treated originals, checks of columns, own rules.

    Raises:
        ValueError: a grade names none of them, or a field declares what no plan can keep.
    """
    treated = {t.source: t for t in treated_columns(dataset)}
    fields = [rule for name in declared_types(dataset) if name not in treated for rule in field_rules(dataset, name)]
    verdicts = [
        Rule(
            ", ".join(rule.name for rule in t.rules),
            pl.col(t.verdict).fill_null(False),
            parts=tuple(rule.name for rule in t.rules),
        )
        for t in treated.values()
        if t.rules
    ]
    frames = frame_rules(dataset.schema.to_schema(), tuple(silver_types(dataset)))
    own = [Rule(name, valid.fill_null(True)) for name, valid in dataset.rules.items()]
    rules = (*fields, *verdicts, *frames, *own)
    if unknown := unknown_grades(dataset, rules):
        raise ValueError(f"{dataset.name}: grades name no rule: {unknown}; rules: {sorted(r.name for r in rules)}")
    return rules


@cache
def contract_of(dataset: Dataset) -> Contract:
    """What every row of the silver table and the table itself must be.

    Rules on originals that silver no longer has (a digested e-mail) were judged before treatment and are not repeated.
    """
    columns = set(table_types(dataset))
    unique = unique_sets(dataset.schema.to_schema())
    if lost := sorted({name for names in unique for name in names} - columns):
        raise ValueError(f"{dataset.name}: {lost} shall be unique, and silver does not have them after treatment")
    return Contract(
        key=table_key(dataset),
        rules=tuple(rule for rule in rules_of(dataset) if set(rule.valid.meta.root_names()) <= columns),
        unique=unique,
        closed=frozenset(t.name for t in treated_columns(dataset) if t.name),
    )


def _instance(dtype: pl.DataType | type[pl.DataType]) -> pl.DataType:
    return dtype() if isinstance(dtype, type) else dtype
