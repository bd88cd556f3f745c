"""The source's rows against bronze and silver, and how empty columns may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.lake.places import Lake
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.tables import Table, open_table
from opetence_assets.lake.verdicts import CheckResult
from opetence_assets.refinement.quarantine import DUPLICATE, REASON
from opetence_assets.refinement.replay import QUARANTINED, REPLAYED
from opetence_assets.refinement.shape import IS_CURRENT, silver_types


def completeness_results(dataset: Dataset, lake: Lake, silver: Table) -> list[CheckResult]:
    """Every key of the source is in silver or in quarantine; every bronze row is accounted for; columns are filled."""
    bronze = open_table(lake, dataset.table("bronze"))
    refined = last_progress(lake, silver.key, silver.version)
    consumed = refined.get("consumed", {}).get(dataset.table("bronze"), -1)
    results = [_conserved(dataset, lake, open_table(lake, dataset.table("bronze"), consumed), refined)]
    loaded = last_progress(lake, dataset.table("bronze"), consumed) if bronze else {}
    if dataset.counted:
        results.append(_every_key(dataset, lake, silver, loaded["total_keys"]))
    if dataset.completeness.null_rate_at_most:
        results.append(_filled(dataset, silver))
    return results


def _conserved(dataset: Dataset, lake: Lake, bronze: Table | None, refined: Mapping[str, Any]) -> CheckResult:
    rows, counted = bronze.rows if bronze else 0, refined.get("rows_in_total")
    quarantine = open_table(lake, dataset.table("quarantine"))
    waiting, replayed = quarantine.rows if quarantine else 0, refined.get(REPLAYED, 0)
    sent = refined.get(QUARANTINED, waiting + replayed)  # silver of an older platform does not say
    return CheckResult(
        "conserved",
        rows == counted and waiting + replayed == sent,
        found=f"{counted} rows accounted for of {rows} in bronze; "
        f"{waiting} in quarantine and {replayed} replayed of {sent} sent there",
        allowed="all: accepted, quarantined, duplicate, filtered or deleted",
        metadata={"rows": rows, "quarantined": waiting, "replayed": replayed},
    )


def _every_key(dataset: Dataset, lake: Lake, silver: Table, total: int) -> CheckResult:
    key = list(dataset.key)
    held = silver.scan()
    held = held.filter(IS_CURRENT) if dataset.history else held
    rows = held.select(pl.len()).collect().item()
    quarantine = open_table(lake, dataset.table("quarantine"))
    refused = 0
    if quarantine is not None and quarantine.rows:
        types = silver_types(dataset)  # a source of text has it in its keys too
        keys = [pl.col(name).cast(types[name], strict=False) for name in key]
        waiting = quarantine.scan().filter(pl.col(REASON) != DUPLICATE).select(keys).unique()
        refused = waiting.join(held.select(key), on=key, how="anti", nulls_equal=True).select(pl.len()).collect().item()
    missing = total - rows - refused
    return CheckResult(
        "complete",
        0 <= missing <= dataset.completeness.missing_at_most,
        found=f"{total:,} keys in the source, {rows:,} in silver, {refused:,} only in quarantine: {missing:,} missing",
        allowed=f"{dataset.completeness.missing_at_most:,} missing; to read the source whole again: "
        f"opetence run --select {dataset.name} --reload",
        metadata={"source_keys": total, "silver_rows": rows, "quarantined_keys": refused},
    )


def _filled(dataset: Dataset, silver: Table) -> CheckResult:
    allowed = dataset.completeness.null_rate_at_most
    rates = silver.scan().select(pl.col(name).null_count() / pl.len() for name in allowed).collect().row(0, named=True)
    empty = {name: rate for name, rate in rates.items() if rate is not None and rate > allowed[name]}
    return CheckResult(
        "filled",
        not empty,
        blocking=False,
        found=", ".join(f"{name} {rate:.1%} null" for name, rate in (empty or rates).items()),
        allowed=", ".join(f"{name} {limit:.1%}" for name, limit in allowed.items()),
        metadata={f"null_rate_{name}": rate for name, rate in rates.items()},
    )
