"""Whether rows have the counterpart in another dataset that they are declared to have."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from opetence_assets.dataset import Dataset, Reference
from opetence_assets.lake.places import Lake
from opetence_assets.lake.releases import current_release
from opetence_assets.lake.tables import Table, open_table
from opetence_assets.lake.verdicts import CheckResult
from opetence_assets.quality.figures import rows_of
from opetence_assets.refinement.shape import VERSION

MISSING = "_missing"
BY_CHANCE = 1e-4  # so improbable must a version's orphans be, were the tolerated share what it has


def reference_results(dataset: Dataset, lake: Lake, silver: Table) -> list[CheckResult]:
    """``references`` where any is declared. Asked of the rows of the current release only.

    What this run has just brought may have its counterpart in a table that the same run has not refined yet; rows that
    were released had it then, in one release, and must have it still.
    """
    if not dataset.references:
        return []
    release = current_release(lake)
    until = release.versions.get(silver.key, -1) if release else -1
    told = [_told(dataset, lake, silver, reference, until) for reference in dataset.references]
    return [
        CheckResult(
            "references",
            all(passed for passed, _, _ in told),
            blocking=any(r.blocking and not passed for r, (passed, _, _) in zip(dataset.references, told, strict=True)),
            found="; ".join(found for _, found, _ in told),
            allowed="; ".join(f"{r.to} {r.missing_at_most:.2%}" for r in dataset.references),
            metadata={f"missing in {r.to}": share for r, (_, _, share) in zip(dataset.references, told, strict=True)},
        )
    ]


def _told(dataset: Dataset, lake: Lake, silver: Table, reference: Reference, until: int) -> tuple[bool, str, float]:
    other = open_table(lake, f"silver/{reference.to}")
    if other is None or until < 0:
        return True, f"{reference.to}: asked from the first release on", 0.0
    names, of = list(reference.columns), list(reference.of or reference.columns)
    rows = rows_of(dataset, silver).filter(pl.col(VERSION) <= until)
    if reference.where is not None:
        rows = rows.filter(reference.where)
    asked = rows.select(*names, VERSION).drop_nulls()
    there = other.scan().select(of).unique().with_columns(pl.lit(False).alias(MISSING))
    found = asked.join(there, left_on=names, right_on=of, how="left").with_columns(pl.col(MISSING).fill_null(True))
    by_version = found.group_by(VERSION).agg(pl.len().alias("rows"), pl.col(MISSING).sum()).sort(VERSION)
    return _judged(reference, of, by_version.collect(engine="streaming"))


def _judged(reference: Reference, of: Sequence[str], by_version: pl.DataFrame) -> tuple[bool, str, float]:
    """The share of all rows, and of those that one version brought: a year's tolerance would hide a day of orphans."""
    from scipy.special import bdtrc

    total, without = int(by_version["rows"].sum()), int(by_version[MISSING].sum())
    share = without / total if total else 0.0
    found = f"{without:,} of {total:,} rows have no {', '.join(of)} in {reference.to} ({share:.2%})"
    passed = share <= reference.missing_at_most
    for version, rows, missing in by_version.iter_rows():
        chance = float(bdtrc(missing - 1, rows, reference.missing_at_most)) if missing else 1.0
        if passed and missing > rows * reference.missing_at_most and chance < BY_CHANCE / len(by_version):
            passed, found = False, f"{found}; {missing:,} of the {rows:,} rows of version {version}"
    return passed, found, share
