"""Schema, rules and keys of a silver version, judged in one scan of what the version wrote."""

from __future__ import annotations

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.lake.tables import Table
from opetence_assets.lake.verdicts import CheckResult
from opetence_assets.refinement.shape import rules_of, table_key, table_types


def quality_results(dataset: Dataset, silver: Table) -> list[CheckResult]:
    """Pandera's schema and rules, and the uniqueness of the key, over the whole table in one pass.

    Rules on originals that silver no longer has (a digested e-mail) were judged before treatment and are not repeated.
    """
    types = {name: str(dtype) for name, dtype in silver.scan().collect_schema().items()}
    declared = {name: str(dtype) for name, dtype in table_types(dataset).items()}
    wrong = sorted(name for name in declared.keys() | types.keys() if declared.get(name) != types.get(name))
    columns = set(table_types(dataset))
    rules = [rule for rule in rules_of(dataset) if set(rule.valid.meta.root_names()) <= columns]
    key = table_key(dataset)
    counts = (
        silver.scan()
        .select(
            pl.len().alias("rows"),
            *((~rule.valid).sum().alias(f"rule:{n}") for n, rule in enumerate(rules)),
            (pl.len() - pl.struct(key).n_unique()).alias("repeated"),
        )
        .collect(engine="streaming")
        .row(0, named=True)
    )
    broken = {rule.name: counts[f"rule:{n}"] for n, rule in enumerate(rules) if counts[f"rule:{n}"]}
    return [
        CheckResult(
            "schema", not wrong, found=f"other types in {', '.join(wrong) or 'no column'}", allowed="the declared types"
        ),
        CheckResult(
            "rules",
            not broken,
            found="; ".join(f"{name}: {rows:,} rows" for name, rows in broken.items()) or "no row that breaks a rule",
            allowed="none: such rows belong in quarantine",
            metadata={"rules": len(rules), "rows": counts["rows"]},
        ),
        CheckResult(
            "unique_key",
            counts["repeated"] == 0,
            found=f"{counts['repeated']:,} rows whose {', '.join(key)} stands twice",
            allowed="0",
        ),
    ]
