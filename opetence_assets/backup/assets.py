"""Backup assets: one a zone, a partition a day; production's, a partition an hour."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import dagster as dg

from opetence_assets.lake.releases import current_release, release_as_of
from opetence_assets.postgres.address import production_uri
from opetence_assets.resources import Platform
from opetence_assets.settings import Settings

ZONES = ("bronze", "silver", "gold")
FIRST_DAY = "2026-01-01"


def backup_asset(zone: str, release_key: dg.AssetKey, keep_days: int) -> dg.AssetsDefinition:
    """Copies the files of the day's release that the store does not have yet, then its manifest."""

    @dg.asset(
        key=dg.AssetKey(["backup", zone]),
        deps=[release_key],
        partitions_def=dg.DailyPartitionsDefinition(start_date=FIRST_DAY, timezone="UTC", end_offset=1),
        group_name="backup",
        kinds={"deltalake", "backup"},
        owners=["team:data"],
        tags={"zone": "backup"},
        description=f"Content-addressed files and SHA-256 manifest of a release: {zone} tables, kept {keep_days} days.",
        pool="backup",
    )
    def backup(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult[Any]:
        from opetence_assets.backup.retention import expire
        from opetence_assets.backup.snapshot import snapshot
        from opetence_assets.lake.places import place_at

        lake, settings = platform.lake, platform.settings
        day = date.fromisoformat(context.partition_key)
        release = current_release(lake) if day >= datetime.now(UTC).date() else release_as_of(lake, _end_of(day))
        if release is None:
            raise dg.Failure(
                f"backup/{zone}: found no release at the end of {day}; allowed: a day with one. Next: opetence run"
            )
        store = place_at(settings.backups, settings.storage_options)
        manifest = snapshot(
            lake,
            store,
            zone=zone,
            partition=day.isoformat(),
            release=release,
        )
        if zone == "bronze" and settings.keys.exists():
            from opetence_assets.backup.keys import snapshot_keys

            snapshot_keys(store, settings.keys, partition=day.isoformat(), since=release.created_at)
        expired = expire(store, today=datetime.now(UTC).date(), keep_days=keep_days)
        return dg.MaterializeResult(
            metadata={
                "expired_backups": expired.manifests,
                "release": release.number,
                "tables": len(manifest.tables),
                "dagster/row_count": manifest.rows,
                "bytes": manifest.bytes,
                "bytes_copied": manifest.copied_bytes,
                "sha256": manifest.sha256,
            }
        )

    return backup


def production_backups(settings: Settings) -> list[dg.AssetsDefinition]:
    """Production's asset, where somebody said what is to be backed up."""
    return [production_backup] if production_uri(settings) else []


@dg.asset(
    key=dg.AssetKey(["backup", "production"]),
    partitions_def=dg.HourlyPartitionsDefinition(
        start_date=f"{FIRST_DAY}T00", fmt="%Y-%m-%dT%H", timezone="UTC", end_offset=1
    ),
    group_name="backup",
    kinds={"postgres", "backup"},
    owners=["team:data"],
    tags={"zone": "backup"},
    description="Production's PostgreSQL: a verified base backup (the day's first is full) and the log since the last.",
    pool="backup_production",
)
def production_backup(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult[Any]:
    """Makes the hour's base backup and puts it and the log received into the store."""
    from opetence_assets.backup.hourly import back_up_production

    manifest = back_up_production(platform.settings, context.partition_key)
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


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)
