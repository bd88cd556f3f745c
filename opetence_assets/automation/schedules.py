"""What is due by the clock: a full round each hour in case a sensor was down, and the day's backups and drills."""

from collections.abc import Mapping

import dagster as dg

from opetence_assets.backup.partitions import last_ended, partition_of

RUNNING = dg.DefaultScheduleStatus.RUNNING
# A period's backups begin when its last release can have been made; what follows them comes after the longest of them.
BACKUPS = {"hour": "5 * * * *", "day": "30 1 * * *", "week": "30 2 * * 1"}
COPIES, COLLECTION = "20 * * * *", "0 3 * * *"  # production's hour is soon in all copies; what may go has time
DRILLS = {"partition": "0 4 * * *", "zone": "0 5 * * 0", "production": "0 6 1 * *", "company": "0 7 1 1,4,7,10 *"}


def hourly_round(tables: dg.AssetSelection) -> dg.ScheduleDefinition:
    """Loads, refines and releases every source table at the full hour: an idle round costs seconds, a missed change a
    day. It is also what keeps the freshness of a table that rarely changes: somebody looked."""
    job = dg.define_asset_job("hourly_round", tables)
    return dg.ScheduleDefinition(job=job, cron_schedule="0 * * * *", execution_timezone="UTC", default_status=RUNNING)


def backup_schedules(periods: Mapping[str, dg.AssetSelection]) -> list[dg.ScheduleDefinition]:
    """For each period (hour, day, week) the backups of the partition that has ended."""
    return [_backups(every, selection) for every, selection in periods.items()]


def _backups(every: str, selection: dg.AssetSelection) -> dg.ScheduleDefinition:
    name = {"hour": "hourly", "day": "nightly", "week": "weekly"}[every]
    job = dg.define_asset_job(f"{name}_backup", selection)

    @dg.schedule(cron_schedule=BACKUPS[every], job=job, execution_timezone="UTC", default_status=RUNNING, name=job.name)
    def due(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        now = context.scheduled_execution_time
        # A server is backed up as it is now: the log leads from there through the rest of the hour.
        partition = partition_of(every, now) if every == "hour" else last_ended(every, now)
        return dg.RunRequest(run_key=partition, partition_key=partition)

    return due


def copies_round(selection: dg.AssetSelection) -> dg.ScheduleDefinition:
    """Every copy takes what is new, each hour."""
    job = dg.define_asset_job("hourly_copies", selection)
    return dg.ScheduleDefinition(job=job, cron_schedule=COPIES, execution_timezone="UTC", default_status=RUNNING)


def collection_round(selection: dg.AssetSelection) -> dg.ScheduleDefinition:
    """What no rule keeps goes, once a day: to know what nothing needs any more, every manifest is read."""
    job = dg.define_asset_job("nightly_collection", selection)
    return dg.ScheduleDefinition(job=job, cron_schedule=COLLECTION, execution_timezone="UTC", default_status=RUNNING)


def drill_schedules(names: Mapping[str, dg.AssetSelection]) -> list[dg.ScheduleDefinition]:
    """Each restore drill in its period; whether it is overdue is checked every day with the others."""
    jobs = {name: dg.define_asset_job(f"drill_{name}", selection) for name, selection in names.items()}
    return [
        dg.ScheduleDefinition(job=job, cron_schedule=DRILLS[name], execution_timezone="UTC", default_status=RUNNING)
        for name, job in jobs.items()
    ]
