"""What is due by the clock: the daily backup, production's each hour, and a full round each hour in case a sensor was
down.
"""

import dagster as dg


def nightly_backup(zones: tuple[str, ...]):
    """Snapshots yesterday's partition of every zone at 01:30 UTC."""
    job = dg.define_asset_job(
        "nightly_backup", dg.AssetSelection.assets(*(dg.AssetKey(["backup", zone]) for zone in zones))
    )
    return dg.build_schedule_from_partitioned_job(
        job, hour_of_day=1, minute_of_hour=30, default_status=dg.DefaultScheduleStatus.RUNNING
    )


def hourly_backup(asset: dg.AssetsDefinition):
    """Backs production up, each hour into that hour's partition."""
    job = dg.define_asset_job("hourly_backup", dg.AssetSelection.assets(*asset.keys))
    return dg.build_schedule_from_partitioned_job(
        job, minute_of_hour=5, default_status=dg.DefaultScheduleStatus.RUNNING
    )


def hourly_round(tables: dg.AssetSelection) -> dg.ScheduleDefinition:
    """Loads, refines and releases every source table at the full hour: an idle round costs seconds, a missed change a
    day. It is also what keeps the freshness of a table that rarely changes: somebody looked."""
    job = dg.define_asset_job("hourly_round", tables)
    return dg.ScheduleDefinition(
        job=job, cron_schedule="0 * * * *", execution_timezone="UTC", default_status=dg.DefaultScheduleStatus.RUNNING
    )
