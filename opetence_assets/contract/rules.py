"""A Pandera schema's rules, each an expression that is true where a row passes, so that all are judged in one scan.

Pandera stays the only declaration; ``Schema.validate`` gives the same verdicts (kept by the oracle of the tests) but
runs each check as its own query and reports failures row by row. A check that has no expression (a function of the
declaration's own) is run by Pandera itself, inside the same plan, and its rule says so.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import polars as pl

from opetence_assets.contract.expressions import Evidence, Present, evidence_of, expression_of
from opetence_assets.dataset import Dataset

if TYPE_CHECKING:
    import pandera.polars as pa


@dataclass(frozen=True)
class Rule:
    """What must hold of every row.

    Attributes:
        valid: true where it does, false where not, never null.
        parts: the rules it is made of, where a load left one verdict on several; a grade names one of them.
        evidence: a glance that may prove it for a whole batch.
        of_text: the only column it reads, if of texts, whose distinct values may be cheaper to ask than the rows.
        by_pandera: Pandera judges it, over all rows at once.
        warns: the schema says ``raise_warning``: graded as a warning, if the dataset does not say otherwise.
        written: what its version is told by, where the expression cannot be written down.
    """

    name: str
    valid: pl.Expr
    parts: tuple[str, ...] = ()
    evidence: Evidence | None = None
    of_text: str | None = None
    by_pandera: bool = False
    warns: bool = False
    written: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return self.parts or (self.name,)

    @property
    def text(self) -> str:
        """What changes when the rule does."""
        return self.written or str(self.valid.meta.serialize(format="json"))


@cache
def field_rules(dataset: Dataset, name: str) -> tuple[Rule, ...]:
    """The rules of one field that a row alone can break: nullability and checks, each named ``column: check``.

    Raises:
        ValueError: the field declares what no plan can keep (a pattern beyond Polars' dialect, a default, a regex of
            column names).
    """
    return schema_rules(dataset.schema.to_schema(), name, dataset.name)


def schema_rules(schema: pa.DataFrameSchema, name: str, of: str) -> tuple[Rule, ...]:
    """As ``field_rules``, of a schema that no dataset has yet; ``of`` is named in errors."""
    column = schema.columns[name]
    if column.regex or getattr(column, "default", None) is not None or getattr(column, "parsers", None):
        raise ValueError(f"{of}.{name}: a regex of columns, a default or a parser is no rule; write it in tidy")
    dtype = _instance(column.dtype.type)
    coerced = column.coerce or schema.coerce
    value = pl.col(name).cast(dtype, strict=False) if coerced else pl.col(name)
    rules: list[Rule] = []
    if coerced:
        rules.append(Rule(f"{name}: coerce", pl.col(name).is_null() | value.is_not_null()))
    if not column.nullable:
        # To Pandera a NaN is a null, as far as nulls are allowed or not.
        there = value.is_not_null() & value.is_not_nan() if dtype.is_float() else value.is_not_null()
        evidence = None if coerced or dtype.is_float() else Present(name)
        rules.append(Rule(f"{name}: null", there.fill_null(False), evidence=evidence))
    for number, check in enumerate(column.checks):
        says = f"{name}: {check.name}"
        says = f"{says} {number}" if any(rule.name == says for rule in rules) else says
        rules.append(_rule_of_check(says, check, name, value, None if coerced else dtype, of, schema))
    return tuple(rules)


def frame_rules(schema: pa.DataFrameSchema, columns: tuple[str, ...]) -> tuple[Rule, ...]:
    """The checks over several columns (``@pa.dataframe_check``): Pandera's to judge, over the columns that exist.

    A check that gives one verdict for the whole frame gives it for each of its rows.
    """
    return tuple(_by_pandera(check.name, check, None, columns, schema) for check in schema.checks or ())


def unique_sets(schema: pa.DataFrameSchema) -> tuple[tuple[str, ...], ...]:
    """The columns, alone or together, whose values may stand only once: ``unique=True`` and Config's ``unique``."""
    alone = [(name,) for name, column in schema.columns.items() if column.unique]
    declared: Any = schema.unique or []
    together = [tuple(declared)] if declared and isinstance(declared[0], str) else [tuple(names) for names in declared]
    return tuple(dict.fromkeys([*alone, *together]))


def _rule_of_check(
    says: str, check: Any, name: str, value: pl.Expr, dtype: pl.DataType | None, of: str, schema: pa.DataFrameSchema
) -> Rule:
    kind = check.registry_name or ""
    try:
        valid = None if check.element_wise else expression_of(kind, value, check.statistics)
    except ValueError as error:
        raise ValueError(f"{of}.{name}: {error}") from error
    if valid is None:
        return _by_pandera(says, check, name, (name,), schema)
    # Bounds say nothing of nulls, so they are no evidence where a null is a failure.
    evidence = evidence_of(kind, name, dtype, check.statistics) if dtype is not None and check.ignore_na else None
    # As in Pandera, a null is the business of nullability alone, unless the check says otherwise.
    return Rule(
        says,
        valid.fill_null(bool(check.ignore_na)),
        evidence=evidence,
        of_text=name if dtype == pl.String else None,
        warns=bool(check.raise_warning),
    )


def _by_pandera(says: str, check: Any, key: str | None, columns: tuple[str, ...], schema: pa.DataFrameSchema) -> Rule:
    def verdicts(values: pl.Series) -> pl.Series:
        frame = values.to_frame(key) if key else values.struct.unnest()
        said = check(frame.lazy(), key).check_output.collect().to_series()
        return said if len(said) == len(values) else pl.repeat(bool(said.all()), len(values), eager=True)

    rows = pl.col(key) if key else pl.struct(columns)
    valid = rows.map_batches(verdicts, return_dtype=pl.Boolean())
    return Rule(says, valid, by_pandera=True, warns=bool(check.raise_warning), written=_source(check, schema))


def _source(check: Any, schema: pa.DataFrameSchema) -> str:
    """The text of the function that is run, which a change of the rules is seen by."""
    function = inspect.unwrap(check.statistics.get("check_fn", check._check_fn))  # pyright: ignore[reportPrivateUsage]
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return f"{schema.name} {check.name} {check.statistics}"


def _instance(dtype: pl.DataType | type[pl.DataType]) -> pl.DataType:
    return dtype() if isinstance(dtype, type) else dtype
