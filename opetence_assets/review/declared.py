"""What a declaration says, as JSON: everything that decides what lands, what is refused and what readers see."""

from __future__ import annotations

from typing import Any

import polars as pl

from opetence_assets.contract.rules import Rule
from opetence_assets.contract.severity import grade_of
from opetence_assets.dataset import Dataset, Pii, pii_of
from opetence_assets.lineage.silver import bronze_types
from opetence_assets.privacy.treatment import treated_columns
from opetence_assets.refinement.shape import rules_of, silver_types, table_types
from opetence_assets.review.canonical import expression, plain, short_digest
from opetence_assets.review.functions import source_of

_AS_THEY_ARE = (
    *("key", "cursor", "owner", "subject", "partition_by", "history", "keep_duplicates", "deletes", "drift"),
    *("references", "watch", "freshness", "completeness", "backup"),
)


def described_dataset(dataset: Dataset) -> dict[str, Any]:
    """One declaration.

    ``columns`` are the declared ones, each with the name it has in silver (``as``; None if it is not there),
    ``table`` is silver's columns with their types, ``judges`` a digest of every rule as silver judges it.
    """
    rules = rules_of(dataset)
    return {
        **{name: plain(getattr(dataset, name)) for name in _AS_THEY_ARE},
        "feed": plain(dataset.feed),
        "columns": _columns(dataset),
        "table": {name: str(dtype) for name, dtype in table_types(dataset).items()},
        "tidy": {"source": source_of(dataset.tidy), "makes": _made_by_tidy(dataset)},
        "rules": {name: expression(rule) for name, rule in dataset.rules.items()},
        "filters": {name: expression(left_out) for name, left_out in dataset.filters.items()},
        "frame": {str(check.name): plain(source_of(_function(check))) for check in _frame_checks(dataset)},
        "judges": {rule.name: short_digest(_judging(dataset, rule)) for rule in rules},
        "grades": {
            name: {"severity": grade_of(dataset, rule).severity.value, "up_to": grade_of(dataset, rule).up_to}
            for rule in rules
            for name in rule.names
        },
    }


def _columns(dataset: Dataset) -> dict[str, Any]:
    treated = {t.source: t.name for t in treated_columns(dataset)}
    found: dict[str, Any] = {}
    for name, column in dataset.schema.to_schema().columns.items():
        pii = pii_of(column)
        found[name] = {
            "as": treated.get(name, name),
            "dtype": str(column.dtype.type() if isinstance(column.dtype.type, type) else column.dtype.type),
            "nullable": bool(column.nullable),
            "unique": bool(column.unique),
            "coerce": bool(column.coerce),
            "pii": pii.value if pii else None,
            "checks": {} if pii is Pii.REDACT else _checks(column),
        }
    return found


def _checks(column: Any) -> dict[str, Any]:
    """Pandera's own by what they compare with, the declaration's by their text."""
    found: dict[str, Any] = {}
    for number, check in enumerate(column.checks):
        name = str(check.name) if str(check.name) not in found else f"{check.name} {number}"
        known = {key: value for key, value in check.statistics.items() if key != "check_fn"}
        if "pattern" in known and not isinstance(known["pattern"], str):
            known["pattern"] = known["pattern"].pattern
        # what is compared with a set has no order
        found[name] = {
            key: sorted((plain(one) for one in value), key=str) if key.endswith("_values") else plain(value)
            for key, value in known.items()
        } or {"written": source_of(_function(check))}
    return found


def _function(check: Any) -> Any:
    return check.statistics.get("check_fn", check._check_fn)


def _frame_checks(dataset: Dataset) -> list[Any]:
    return list(dataset.schema.to_schema().checks or ())


def _judging(dataset: Dataset, rule: Rule) -> str:
    """What changes when a rule does; of an original's verdict, what its parts say."""
    parts = [part.text for t in treated_columns(dataset) for part in t.rules if part.name in rule.parts]
    return " ".join((rule.text, *parts))


def _made_by_tidy(dataset: Dataset) -> list[str]:
    """Silver's columns that are not simply bronze's: the optimized plan of one of the others only reads it."""
    types = bronze_types(dataset)
    tidied = dataset.tidy(pl.LazyFrame(schema=types))
    known = tidied.collect_schema()
    return [
        name
        for name in silver_types(dataset)
        if name in known and (name not in types or not tidied.select(name).explain().startswith("DF ["))
    ]
