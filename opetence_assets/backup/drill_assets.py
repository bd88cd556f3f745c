"""Restore drills as assets: what came back, how long it took, what would have been lost. Overdue is a failed check."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from opetence_assets.backup.copies import copies_of, store_of
from opetence_assets.backup.drawing import asked_for, drawn
from opetence_assets.backup.drills import DRILLS, Drilled, Judge, drill, overdue, unproven
from opetence_assets.backup.policy import Policy
from opetence_assets.resources import Platform

SAYS = {
    "partition": "A random table of a random partition, from a random copy, every day.",
    "zone": "The newest partition of a random zone, whole, every week.",
    "production": "PostgreSQL brought back to a random second of what was received, every month.",
    "company": "Every zone of the newest release on an empty machine, from one copy alone, every quarter.",
}

PASSED = (
    "rows, sums, hashes and checks as in the original",
    "every table that is read is there, and nothing later than the second that was asked for",
)


def drill_asset(name: str, policy: Policy, judge: Judge, tables: Sequence[str]) -> dg.AssetsDefinition:
    """A drill that anybody may do at any time; its schedule does it in its period.

    Args:
        judge: runs a restored table's checks.
        tables: ``schema.table`` of all that is read from production.
    """
    key = dg.AssetKey(["drills", name])

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(["backup", "copies"])],
        group_name="drills",
        kinds={"backup"},
        owners=["team:data"],
        tags={"zone": "backup"},
        description=SAYS[name],
        pool="backup",
        check_specs=[dg.AssetCheckSpec("restored", asset=key, description="What came back is what was backed up.")],
    )
    def rehearsal(platform: Platform):  # Dagster reads an annotation of checks as that of further outputs
        settings, store, rng = platform.settings, store_of(platform.settings), random.SystemRandom()
        if name == "production":
            from opetence_assets.backup.drill_production import drill_production

            done = drill_production(settings, store, now=datetime.now(UTC), rng=rng, tables=tables)
        else:
            done = _of_a_copy(name, policy, platform, judge, rng)
        return dg.MaterializeResult(metadata=_metadata(done), check_results=[_result(done)])

    return rehearsal


def _of_a_copy(name: str, policy: Policy, platform: Platform, judge: Judge, rng: random.Random) -> Drilled:
    settings, store = platform.settings, store_of(platform.settings)
    copies, asked = copies_of(settings, policy), asked_for(store, name)
    copy = copies.get(asked.copy if asked else "") or rng.choice(list(copies.values()))
    chosen, only = drawn(name, store, copy, rng)
    return drill(
        name,
        copy,
        chosen,
        original=platform.lake,
        store=store,
        scratch=settings.scratch,
        now=datetime.now(UTC),
        judge=judge,
        only=only,
    )


def _metadata(done: Drilled) -> dict[str, Any]:
    return {
        "copy": done.copy,
        "partitions": ", ".join(f"{zone} {partition}" for zone, partition in done.partitions),
        "tables": done.tables,
        "dagster/row_count": done.rows,
        "bytes": done.bytes,
        "recovery_time_seconds": round(done.seconds, 3),
        "recovery_point_seconds": round(done.lost_seconds, 1),
    }


def _result(done: Drilled) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="restored",
        passed=done.proves,
        severity=dg.AssetCheckSeverity.WARN if done.asked_until else dg.AssetCheckSeverity.ERROR,
        description=unproven(done) or "; ".join(done.wrong[:5]) or PASSED[done.name == "production"],
        metadata={"wrong": len(done.wrong)},
    )


def drill_checks(name: str) -> dg.AssetChecksDefinition:
    """Red when nobody has restored for longer than the policy allows, or the last drill failed."""

    @dg.asset_check(
        asset=dg.AssetKey(["drills", name]), name="not_overdue", description=f"At least every {DRILLS[name].days} days."
    )
    def not_overdue(platform: Platform) -> dg.AssetCheckResult:
        why = overdue(store_of(platform.settings), name, datetime.now(UTC))
        return dg.AssetCheckResult(passed=why is None, description=why or "done in time")

    return not_overdue
