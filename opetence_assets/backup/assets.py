"""Backup assets, as the policy says: a zone's partitions, the copies of them, and the collector."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from opetence_assets.backup.partitions import FORMAT, end_of, last_ended, partition_of
from opetence_assets.backup.policy import Policy, ZoneRule
from opetence_assets.lake.places import Lake
from opetence_assets.lake.releases import Release, current_release, release_as_of
from opetence_assets.resources import Platform

LAKE_ZONES = ("bronze", "silver", "gold", "archive")
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
COPIES, COLLECTION = dg.AssetKey(["backup", "copies"]), dg.AssetKey(["backup", "collection"])


def partitions_of(rule: ZoneRule) -> dg.TimeWindowPartitionsDefinition:
    """A zone's partitions in Dagster; the one that has begun is among them, for a backup may be made at any time."""
    crons = {"hour": "0 * * * *", "day": "0 0 * * *", "week": "0 0 * * 1"}
    return dg.TimeWindowPartitionsDefinition(
        start=FIRST, fmt=FORMAT[rule.every], cron_schedule=crons[rule.every], timezone="UTC", end_offset=1
    )


def backup_asset(rule: ZoneRule, release_key: dg.AssetKey, without: Sequence[str] = ()) -> dg.AssetsDefinition:
    """Copies the files of the partition's release (or the key store) that the store does not have yet."""
    made = _lake_zone if rule.name in LAKE_ZONES else _keys

    @dg.asset(
        key=dg.AssetKey(["backup", rule.name]),
        deps=[release_key],
        partitions_def=partitions_of(rule),
        group_name="backup",
        kinds={"deltalake" if rule.name in LAKE_ZONES else "sqlite", "backup"},
        owners=["team:data"],
        tags={"zone": "backup"},
        description=_description(rule),
        pool="backup",
    )
    def backup(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult[Any]:
        return made(rule, context.partition_key, platform, without)

    return backup


def _description(rule: ZoneRule) -> str:
    what = {"keys": "The key store that opens bronze", "archive": "Every table of every zone, without keys"}
    return (
        f"{what.get(rule.name, f'The release of {rule.name}')}, every {rule.every}: content-addressed files and a"
        f" manifest with their SHA-256, in {', '.join(rule.copies)}."
    )


def _lake_zone(rule: ZoneRule, partition: str, platform: Platform, without: Sequence[str]) -> dg.MaterializeResult[Any]:
    from opetence_assets.backup.copies import store_of
    from opetence_assets.backup.snapshot import snapshot

    release = _release(platform.lake, rule, partition)
    store = store_of(platform.settings)
    manifest = snapshot(platform.lake, store, zone=rule.name, partition=partition, release=release, without=without)
    return dg.MaterializeResult(
        metadata={
            "release": release.number,
            "as_of": dg.MetadataValue.timestamp(manifest.as_of),
            "tables": len(manifest.tables),
            "dagster/row_count": manifest.rows,
            "bytes": manifest.bytes,
            "bytes_copied": manifest.copied_bytes,
            "sha256": manifest.sha256,
        }
    )


def _release(lake: Lake, rule: ZoneRule, partition: str) -> Release:
    """The release at the partition's end: the current one while it lasts."""
    running = partition >= partition_of(rule.every, datetime.now(UTC))
    release = current_release(lake) if running else release_as_of(lake, end_of(rule.every, partition))
    if release is None:
        raise dg.Failure(
            f"backup/{rule.name}: found no release at the end of {partition}; allowed: a {rule.every} with one."
            " Next: opetence run"
        )
    return release


def _keys(rule: ZoneRule, partition: str, platform: Platform, without: Sequence[str]) -> dg.MaterializeResult[Any]:
    """Keys are as they are now, whatever the partition: a person erased since then has none."""
    from opetence_assets.backup.copies import store_of
    from opetence_assets.backup.keys import snapshot_keys

    del without
    if partition < last_ended(rule.every, datetime.now(UTC)):
        raise dg.Failure(
            f"backup/{rule.name}: found {partition}; allowed: today or yesterday, keys are not kept longer"
        )
    release = current_release(platform.lake)
    since = release.created_at if release else FIRST
    manifest = snapshot_keys(store_of(platform.settings), platform.settings.keys, partition=partition, since=since)
    return dg.MaterializeResult(
        metadata={
            "as_of": dg.MetadataValue.timestamp(manifest.as_of),
            "bytes": manifest.bytes,
            "sha256": manifest.sha256,
        }
    )


def production_asset(rule: ZoneRule) -> dg.AssetsDefinition:
    """Makes the hour's base backup and puts it and the log received into the store."""

    @dg.asset(
        key=dg.AssetKey(["backup", rule.name]),
        partitions_def=partitions_of(rule),
        group_name="backup",
        kinds={"postgres", "backup"},
        owners=["team:data"],
        tags={"zone": "backup"},
        description="Production's PostgreSQL: a verified base backup (the first of a day is full) and the log since.",
        pool="backup_production",
    )
    def production_backup(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult[Any]:
        return _production(context.partition_key, platform)

    return production_backup


def _production(partition: str, platform: Platform) -> dg.MaterializeResult[Any]:
    from opetence_assets.backup.hourly import back_up_production

    manifest = back_up_production(platform.settings, partition)
    base = manifest.facts["base"]
    return dg.MaterializeResult(
        metadata={
            "kind": f"full: {base['full_because']}" if base["parent"] is None else f"incremental on {base['parent']}",
            "restorable_from": base["finished_at"],
            "log_received_until": (manifest.facts["mark"] or {}).get("at", "nobody receives the log: opetence ui"),
            "files": len(manifest.files),
            "bytes": manifest.bytes,
            "bytes_copied": manifest.copied_bytes,
            "sha256": manifest.sha256,
        }
    )


def copies_asset(policy: Policy, zones: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """Has every copy take what the policy wants there, and reads back what nobody has read yet."""
    says = {
        "three_copies": "Every partition is in every copy of the policy.",
        "read_back": "What was copied reads as it was written.",
    }

    @dg.asset(
        key=COPIES,
        deps=list(zones),
        group_name="backup",
        kinds={"backup"},
        owners=["team:data"],
        tags={"zone": "backup"},
        description=f"Every partition in {', '.join(policy.copies)}: taken, locked and read back.",
        pool="backup",
        check_specs=[dg.AssetCheckSpec(name, asset=COPIES, description=told) for name, told in says.items()],
    )
    def copies(platform: Platform):  # Dagster reads an annotation of checks as that of further outputs
        from opetence_assets.backup.collection import Collected, copy_missing
        from opetence_assets.backup.copies import copies_of, store_of

        known, store, now = copies_of(platform.settings, policy), store_of(platform.settings), datetime.now(UTC)
        copy_missing(policy, known, store, now, done := Collected())
        return dg.MaterializeResult(
            metadata={
                "copies": ", ".join(f"{name} ({copy.address})" for name, copy in known.items()),
                "taken": len(done.steps),
                **{f"bytes_{name}": done.copied_bytes[name] for name in known},
            },
            check_results=[_complete(policy, platform, now), _read_back(done.damages)],
        )

    return copies


def _complete(policy: Policy, platform: Platform, now: datetime) -> dg.AssetCheckResult:
    from opetence_assets.backup.copies import copies_of, store_of
    from opetence_assets.backup.standing import asked_of, standings

    settings = platform.settings
    known, store = copies_of(settings, policy), store_of(settings)
    asked = asked_of(policy, known, settings.environment)
    wrong = [one for one in standings(asked, known, store, now) if one.wrong]
    missing = sorted({reason for one in wrong for reason in one.wrong})
    return dg.AssetCheckResult(
        check_name="three_copies",
        passed=not wrong,
        description=f"{len(wrong)} partitions: {', '.join(missing)}" if wrong else f"in {', '.join(known)}",
        metadata={"partitions": len(wrong), "copies": len(known)},
    )


def _read_back(damages: Mapping[str, Sequence[Any]]) -> dg.AssetCheckResult:
    told = [f"{name}: {one.path} {one.what}" for name, found in damages.items() for one in found]
    return dg.AssetCheckResult(
        check_name="read_back",
        passed=not told,
        description="; ".join(told[:5]) or "as it was written",
        metadata={"damaged": len(told)},
    )


def collection_asset(policy: Policy) -> dg.AssetsDefinition:
    """Deletes what the policy keeps no longer, in every copy; nothing else deletes."""

    @dg.asset(
        key=COLLECTION,
        deps=[COPIES],
        group_name="backup",
        kinds={"backup"},
        owners=["team:data"],
        tags={"zone": "backup"},
        description="What no rule keeps is deleted, unless it is locked, on hold or has no verified successor.",
        pool="backup",
    )
    def collection(platform: Platform) -> dg.MaterializeResult[Any]:
        from opetence_assets.backup.collection import Collected, collect
        from opetence_assets.backup.copies import copies_of

        collect(policy, copies_of(platform.settings, policy), datetime.now(UTC), done := Collected())
        return dg.MaterializeResult(
            metadata={
                "deleted": len(done.steps),
                **{f"bytes_freed_{name}": freed for name, freed in done.freed_bytes.items()},
            }
        )

    return collection
