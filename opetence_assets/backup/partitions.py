"""Partitions of backups: the hour, day or week (from Monday) in UTC that a backup is of; as text they sort by time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

LENGTH = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
FORMAT = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "week": "%Y-%m-%d"}


def partition_of(every: str, moment: datetime) -> str:
    """The partition that a moment falls into."""
    start = moment.astimezone(UTC) - (
        timedelta(days=moment.astimezone(UTC).weekday()) if every == "week" else timedelta()
    )
    return start.strftime(FORMAT[every])


def start_of(partition: str) -> datetime:
    """When a partition begins."""
    return datetime.fromisoformat(partition).replace(tzinfo=UTC)


def end_of(every: str, partition: str) -> datetime:
    return start_of(partition) + LENGTH[every]


def last_ended(every: str, now: datetime) -> str:
    """The newest partition that is over: the one that is due."""
    return partition_of(every, now - LENGTH[every])
