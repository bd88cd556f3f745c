"""Gathers the report from the lake: releases, verdicts, measurements, drift. Of rows it reads only why they wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.lake.drift import drift_events
from opetence_assets.lake.places import Lake
from opetence_assets.lake.releases import Release, current_release
from opetence_assets.lake.tables import Table, open_table
from opetence_assets.lake.verdicts import CheckResult, verdict
from opetence_assets.privacy.detection import masked
from opetence_assets.quality.history import history, newest
from opetence_assets.quality.judging import age_allowed, has_age
from opetence_assets.refinement.replay import refusals
from opetence_assets.report.agreements import kept
from opetence_assets.report.days import days_across
from opetence_assets.report.facts import Changed, Failing, Linked, Quality, Refused, Report
from opetence_assets.report.judging import light_of, next_command, verdict_of
from opetence_assets.report.trends import trends
from opetence_assets.settings import Settings

HOUR = 3600


def gather(lake: Lake, settings: Settings, datasets: Sequence[Dataset]) -> Report:
    """The report as of now; of a lake without a release too."""
    now, release = settings.now(), current_release(lake)
    records = history(lake)
    told = [
        quality
        for dataset in datasets
        if (quality := _quality(dataset, lake, records.filter(pl.col("table_name") == dataset.table("silver")), now))
    ]
    gold, passed = _gold(lake, release)
    rows = {quality.dataset: quality.rows for quality in told}
    across = days_across(datasets, records)
    light, sentence = verdict_of(release, told, gold, across)
    age = (datetime.now(UTC) - release.created_at).total_seconds() / HOUR if release else None
    return Report(
        environment=settings.environment,
        now=now,
        release=release.number if release else None,
        released_at=release.created_at if release else None,
        release_age_hours=age,
        light=light,
        verdict=sentence,
        passed=passed + sum(quality.passed for quality in told),
        datasets=tuple(told),
        gold=tuple(gold),
        refused=tuple(each for dataset in datasets for each in _refused(dataset, lake, rows.get(dataset.name, 0))),
        drift=tuple(
            Changed(event.dataset, masked(event.change), event.outcome, event.at)
            for dataset in datasets
            for event in drift_events(lake, dataset.name)
        ),
        links=tuple(link for dataset in datasets for link in _links(dataset, lake)),
        across=across,
    )


def as_data(report: Report) -> dict[str, Any]:
    """For machines: the same facts, with what is summed up of them."""
    failing = [asdict(each) for each in report.failing]
    kept = {"freshness": report.freshness_kept, "completeness": report.completeness_kept}
    return {**asdict(report), "light": report.light.value, "failing": failing, "kept": kept}


def _quality(dataset: Dataset, lake: Lake, records: pl.DataFrame, now: datetime) -> Quality | None:
    silver = open_table(lake, dataset.table("silver"))
    if silver is None:
        return None
    results, failing, passed = _checks(dataset, lake, silver)
    last, by_name = newest(records), {result.name: result for result in results}
    by_day, whole = last.filter(pl.col("day").is_not_null()), last.filter(pl.col("day").is_null())
    figures: dict[str, float] = dict(whole.select("metric_name", "value").iter_rows())
    ages = records.filter(pl.col("metric_name") == "age").select("measured_at", "value")
    limit = age_allowed(dataset, by_day, now) if has_age(dataset) else None
    age = _age(ages, now)
    column, rate, allowed = _emptiest(dataset, figures)
    judged = int(by_name["usual"].metadata.get("figures", 1)) if "usual" in by_name else 1
    light, why = light_of(failing, age, limit)
    return Quality(
        dataset=dataset.name,
        system=dataset.feed.system,
        owner=dataset.owner,
        light=light,
        why=why,
        rows=silver.rows,
        passed=passed,
        failing=failing,
        completeness=_complete(by_name.get("complete"), by_name.get("conserved")),
        age_hours=age.total_seconds() / HOUR if age is not None and limit is not None else None,
        age_allowed_hours=limit.total_seconds() / HOUR if limit is not None else None,
        null_column=column,
        null_rate=rate,
        null_allowed=allowed,
        trends=trends(dataset, by_day, now, judged),
        kept=kept(silver, ages, limit, now),
    )


def _checks(dataset: Dataset, lake: Lake, silver: Table) -> tuple[list[CheckResult], tuple[Failing, ...], int]:
    """Silver's results at its newest version, what fails in bronze and silver, and how many hold."""
    results, failing, passed = verdict(lake, silver.key, silver.version) or [], list[Failing](), 0
    bronze = open_table(lake, dataset.table("bronze"))
    arrived = (verdict(lake, bronze.key, bronze.version) or []) if bronze else []
    for key, some in ((dataset.table("bronze"), arrived), (silver.key, results)):
        failing += [_failing(key, result) for result in some if not result.passed]
        passed += sum(result.passed for result in some)
    return results, tuple(failing), passed


def _gold(lake: Lake, release: Release | None) -> tuple[list[Failing], int]:
    found, passed = list[Failing](), 0
    for key, version in release.versions.items() if release else ():
        if key.startswith("gold/"):
            results = verdict(lake, key, version) or []
            found += [_failing(key, result) for result in results if not result.passed]
            passed += sum(result.passed for result in results)
    return found, passed


def _failing(table: str, result: CheckResult) -> Failing:
    command = next_command(table, result.name)
    return Failing(table, result.name, result.blocking, masked(result.found), masked(result.allowed), command)


def _complete(complete: CheckResult | None, conserved: CheckResult | None) -> float | None:
    if complete is not None and complete.metadata.get("source_keys"):
        known = complete.metadata["silver_rows"] + complete.metadata["quarantined_keys"]
        return min(1.0, known / complete.metadata["source_keys"])
    return float(conserved.passed) if conserved is not None else None


def _age(ages: pl.DataFrame, now: datetime) -> timedelta | None:
    """Of the newest row, now: it grew older since somebody looked."""
    if ages.is_empty():
        return None
    at, seconds = ages.sort("measured_at").row(-1)
    return timedelta(seconds=seconds) + max(timedelta(), now - at)


def _emptiest(dataset: Dataset, figures: dict[str, float]) -> tuple[str | None, float | None, float | None]:
    """The column nearest to what it may be empty; where nothing is declared, the emptiest."""
    rates = {name[10:-1]: rate for name, rate in figures.items() if name.startswith("null_rate(")}
    limits = dataset.completeness.null_rate_at_most
    declared = {name: rate / max(limits[name], 1e-9) for name, rate in rates.items() if name in limits}
    column = max(declared or rates, key=lambda name: (declared or rates)[name], default=None)
    return (column, rates[column], limits.get(column)) if column else (None, None, None)


def _refused(dataset: Dataset, lake: Lake, rows: int) -> list[Refused]:
    found: list[dict[str, Any]] = refusals(dataset, lake)
    total = rows + sum(each["rows"] for each in found)
    return [
        Refused(dataset.name, masked(each["reason"]), each["rows"], each["since"], each["rows"] / total)
        for each in found
    ]


def _links(dataset: Dataset, lake: Lake) -> list[Linked]:
    silver = open_table(lake, dataset.table("silver")) if dataset.references else None
    results = (verdict(lake, silver.key, silver.version) or []) if silver else []
    told = next((result.metadata for result in results if result.name == "references"), {})
    return [
        Linked(dataset.name, reference.to, share, reference.missing_at_most)
        for reference in dataset.references
        if (share := told.get(f"missing in {reference.to}")) is not None
    ]
