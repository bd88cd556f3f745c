"""Schema, rules, keys and statistics of a silver version, found in one scan of it."""

from __future__ import annotations

import polars as pl

from opetence_assets.contract.scan import Scan, scanned
from opetence_assets.contract.severity import grade_of
from opetence_assets.dataset import Dataset, Severity
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.tables import Table
from opetence_assets.lake.verdicts import CheckResult
from opetence_assets.refinement.shape import contract_of, rules_of, table_key, table_types
from opetence_assets.refinement.silver import BROKEN

NAMED = 10  # failing rows whose keys are told


def quality_results(dataset: Dataset, silver: Table) -> list[CheckResult]:
    """Pandera's schema and rules, and what must be unique, over the whole table; its columns' statistics beside them.

    The statistics are numbers and times of columns that are not personal, for others to keep as history: in the
    metadata of ``rules``, by column.
    """
    types = {name: str(dtype) for name, dtype in silver.scan().collect_schema().items()}
    declared = {name: str(dtype) for name, dtype in table_types(dataset).items()}
    wrong = sorted(name for name in declared.keys() | types.keys() if declared.get(name) != types.get(name))
    schema = CheckResult(
        "schema", not wrong, found=f"other types in {', '.join(wrong) or 'no column'}", allowed="the declared types"
    )
    scan = scanned(contract_of(dataset), silver.scan(), silver.rows)
    results = [schema, _rules(dataset, silver, scan), _unique(scan)]
    return [*results, _warned(dataset, silver, scan)] if warnings_of(dataset) else results


def warnings_of(dataset: Dataset) -> tuple[str, ...]:
    """The rules whose broken rows go on and are counted."""
    return tuple(rule.name for rule in rules_of(dataset) if grade_of(dataset, rule).severity is Severity.WARN)


def _rules(dataset: Dataset, silver: Table, scan: Scan) -> CheckResult:
    warnings = warnings_of(dataset)
    broken = {name: rows for name, rows in scan.broken.items() if name not in warnings}
    judged = {"judged_by_pandera": list(scan.by_pandera)} if scan.by_pandera else {}
    return CheckResult(
        "rules",
        not broken,
        found=_counted(broken) or "no row that breaks a rule",
        allowed="none: such rows belong in quarantine",
        metadata={
            "rules": len(contract_of(dataset).rules),
            "rows": scan.rows,
            **_keys(dataset, silver, list(broken)),
            **judged,
            "statistics": {column.column: column.as_metadata() for column in scan.statistics},
        },
    )


def _unique(scan: Scan) -> CheckResult:
    twice = {", ".join(names): rows for names, rows in scan.repeated.items() if rows} or {
        ", ".join(names): 0 for names in scan.repeated
    }
    return CheckResult(
        "unique_key",
        not any(twice.values()),
        found="; ".join(f"{rows:,} rows whose {names} stands twice" for names, rows in twice.items()),
        allowed="0",
    )


def _warned(dataset: Dataset, silver: Table, scan: Scan) -> CheckResult:
    """Rules on what silver no longer holds are counted where they were judged: in the last pass."""
    known = {rule.name for rule in contract_of(dataset).rules}
    of_pass = last_progress(silver.lake, silver.key, silver.version).get(BROKEN, {})
    warned = {
        name: rows
        for name in warnings_of(dataset)
        if (rows := scan.broken.get(name, 0) if name in known else of_pass.get(name, 0))
    }
    return CheckResult(
        "warned",
        not warned,
        blocking=False,
        found=_counted(warned) or "no row that breaks a rule graded as a warning",
        allowed="none; the rows are in silver",
        metadata={
            **{f"rows: {name}": rows for name, rows in warned.items()},
            **_keys(dataset, silver, [name for name in warned if name in known]),
        },
    )


def _keys(dataset: Dataset, silver: Table, broken: list[str]) -> dict[str, str]:
    """The keys of a few rows that break rules, to go and look at; none where the key itself is personal."""
    key = table_key(dataset)
    rules = [rule for rule in contract_of(dataset).rules if rule.name in broken]
    if not rules or contract_of(dataset).closed & set(key):
        return {}
    bad = silver.scan().filter(pl.any_horizontal(~rule.valid for rule in rules)).select(key).sort(key)
    rows = bad.head(NAMED).collect().iter_rows(named=True)
    return {"keys": "; ".join(", ".join(f"{name} {value}" for name, value in row.items()) for row in rows)}


def _counted(broken: dict[str, int]) -> str:
    return "; ".join(f"{name}: {rows:,} rows" for name, rows in broken.items())
