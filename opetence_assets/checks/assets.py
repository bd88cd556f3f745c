"""Check results → Dagster asset checks, one step an asset; verdicts are kept in the lake for the runs to come."""

from collections.abc import Iterator, Sequence

import dagster as dg

from opetence_assets.checks.judging import bronze_results, judge_silver
from opetence_assets.checks.personal import NAME
from opetence_assets.checks.quality import warnings_of
from opetence_assets.dataset import Dataset
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import Table, open_table
from opetence_assets.lake.verdicts import CheckResult
from opetence_assets.quality.across import is_counted_by_day
from opetence_assets.quality.judging import has_age, is_watched
from opetence_assets.quality.measuring import run_of
from opetence_assets.resources import Platform


def silver_checks(dataset: Dataset) -> dg.AssetChecksDefinition:
    """Quality and completeness of silver; blocking ones keep the version out of every release."""
    key = dg.AssetKey(dataset.table("silver").split("/"))
    # Where a job replays quarantine, what came of it is judged afterwards.
    replayed = [dg.AssetKey(dataset.table("quarantine").split("/"))]
    specs = [
        dg.AssetCheckSpec(name, asset=key, blocking=blocking, description=_SAYS[name], additional_deps=replayed)
        for name, blocking in silver_check_names(dataset).items()
    ]

    @dg.multi_asset_check(name=f"check_{'_'.join(key.path)}", specs=specs)
    def check(context: dg.AssetCheckExecutionContext, platform: Platform) -> Iterator[dg.AssetCheckResult]:
        lake, settings = platform.lake, platform.settings
        silver, run = _opened(lake, dataset.table("silver")), run_of(context.run.run_id, settings)
        yield from _reported(key, judge_silver(dataset, lake, silver, now=settings.now(), run=run))

    return check


def silver_check_names(dataset: Dataset) -> dict[str, bool]:
    """The checks that a dataset's silver has by its declaration, and whether each blocks."""
    names = dict.fromkeys(("schema", "rules", "unique_key", "conserved", NAME), True)
    return names | {
        name: blocking
        for name, wanted, blocking in (
            ("complete", dataset.counted, True),
            ("filled", bool(dataset.completeness.null_rate_at_most), False),
            ("warned", bool(warnings_of(dataset)), False),
            ("usual", is_watched(dataset), dataset.watch.blocking),
            ("references", bool(dataset.references), any(each.blocking for each in dataset.references)),
            ("fresh", has_age(dataset), False),
            ("every_day", has_age(dataset), False),
            ("complete_by_day", is_counted_by_day(dataset), False),
        )
        if wanted
    }


def bronze_checks(dataset: Dataset) -> dg.AssetChecksDefinition:
    """What the last load noticed at the source."""
    key = dg.AssetKey(dataset.table("bronze").split("/"))
    names = ["declared_columns", *(["readable_files"] if dataset.feed.since else [])]
    specs = [dg.AssetCheckSpec(name, asset=key, description=_SAYS[name]) for name in names]

    @dg.multi_asset_check(name=f"check_{'_'.join(key.path)}", specs=specs)
    def check(context: dg.AssetCheckExecutionContext, platform: Platform) -> Iterator[dg.AssetCheckResult]:
        bronze = _opened(platform.lake, dataset.table("bronze"))
        yield from _reported(key, bronze_results(dataset, platform.lake, bronze, _refused(context, key)))

    return check


def _refused(context: dg.AssetCheckExecutionContext, key: dg.AssetKey) -> tuple[str, ...]:
    event = context.instance.get_latest_materialization_event(key)
    materialization = event.asset_materialization if event else None
    value = materialization.metadata.get("refused") if materialization else None
    return tuple(str(name) for name in value.value or ()) if isinstance(value, dg.JsonMetadataValue) else ()


def _opened(lake: Lake, key: str) -> Table:
    table = open_table(lake, key)
    if table is None:
        raise dg.Failure(f"{key}: no table to check; materialize the asset first")
    return table


def _reported(key: dg.AssetKey, results: Sequence[CheckResult]) -> Iterator[dg.AssetCheckResult]:
    for result in results:
        severity = dg.AssetCheckSeverity.ERROR if result.blocking else dg.AssetCheckSeverity.WARN
        yield dg.AssetCheckResult(
            passed=result.passed,
            check_name=result.name,
            asset_key=key,
            severity=severity,
            description=result.found,
            metadata={"found": result.found, "allowed": result.allowed, **result.metadata},
        )


_SAYS = {
    "schema": "Columns and types are those of the Pandera schema.",
    "rules": "No row breaks a rule of the declaration; such rows belong in quarantine.",
    "unique_key": "The key is unique, and so is what the schema says is.",
    "conserved": "Every bronze row is accepted, quarantined, duplicate, filtered or deleted.",
    NAME: "No text holds an e-mail, a phone, card or national number, an IBAN or an IP address in the clear.",
    "complete": "Every key of the source is in silver or in quarantine.",
    "filled": "Columns are no emptier than declared.",
    "warned": "Rows that break a rule graded as a warning: they are in silver.",
    "usual": "The day's rows, sums, means, nulls and segments are what that weekday usually brings.",
    "references": "Rows have their counterpart in the other dataset, but for the declared share.",
    "fresh": "The newest row is young enough.",
    "every_day": "No day of the last eight weeks lacks rows that its weekday always has.",
    "complete_by_day": "Each of the last days has as many rows in bronze and silver as at the source.",
    "declared_columns": "The source has no column that the declaration does not know.",
    "readable_files": "Every file in the drop folder could be read.",
}
