"""Restore drills as assets: what came back, how long it took, what would have been lost. Overdue is a failed check."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from opetence_assets.backup.copies import Copy, copies_of, store_of
from opetence_assets.backup.drills import DRILLS, Drilled, Judge, drill, overdue
from opetence_assets.backup.manifests import Manifest, manifest_paths, place_of, read_manifest
from opetence_assets.backup.policy import Policy
from opetence_assets.lake.places import Lake
from opetence_assets.resources import Platform

SAYS = {
    "partition": "A random table of a random partition, from a random copy, every day.",
    "zone": "The newest partition of a random zone, whole, every week.",
    "company": "Every zone of the newest release on an empty machine, from one copy alone, every quarter.",
}
Choose = Callable[[Lake, Copy, random.Random], tuple[list[Manifest], Callable[[str], bool]]]


def drill_asset(name: str, policy: Policy, judge: Judge) -> dg.AssetsDefinition:
    """A drill that anybody may do at any time; its schedule does it in its period."""
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
        copy = rng.choice(list(copies_of(settings, policy).values()))
        chosen, only = CHOICES[name](store, copy, rng)
        done = drill(
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
        return dg.MaterializeResult(metadata=_metadata(done), check_results=[_result(done)])

    return rehearsal


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
        passed=not done.wrong,
        description="; ".join(done.wrong[:5]) or "rows, sums, hashes and checks as in the original",
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


def _everything(_: str) -> bool:
    return True


def _random_table(store: Lake, copy: Copy, rng: random.Random) -> tuple[list[Manifest], Callable[[str], bool]]:
    of = [one for one in copy.holdings() if one[0] in ("bronze", "silver", "gold", "archive")]
    manifest = _newest(store, rng.choice(_some(of, copy)))
    table = rng.choice(sorted(manifest.tables))

    def only(key: str) -> bool:
        return key == table

    return [manifest], only


def _random_zone(store: Lake, copy: Copy, rng: random.Random) -> tuple[list[Manifest], Callable[[str], bool]]:
    zones = [zone for zone, _ in copy.holdings() if zone in ("bronze", "silver", "gold")]
    zone = rng.choice(_some(sorted(set(zones)), copy))
    partition = max(partition for of, partition in copy.holdings() if of == zone)
    return [_newest(store, (zone, partition))], _everything


def _company(store: Lake, copy: Copy, rng: random.Random) -> tuple[list[Manifest], Callable[[str], bool]]:
    from opetence_assets.backup.choosing import newest_whole

    del rng
    chosen, held = newest_whole(store), copy.holdings()
    missing = [f"{one.zone} {one.partition}" for one in chosen if (one.zone, one.partition) not in held]
    if missing:
        raise dg.Failure(
            f"drill: {', '.join(missing)} not in the copy {copy.rule.name}. Next: materialize backup/copies"
        )
    return chosen, _everything


def _some(found: Sequence[Any], copy: Copy) -> Sequence[Any]:
    if not found:
        raise dg.Failure(f"drill: found nothing in the copy {copy.rule.name} to restore. Next: opetence run")
    return found


def _newest(store: Lake, of: tuple[str, str]) -> Manifest:
    return read_manifest(store, [path for path in manifest_paths(store, *of) if place_of(path) == of][-1])


CHOICES: dict[str, Choose] = {"partition": _random_table, "zone": _random_zone, "company": _company}
