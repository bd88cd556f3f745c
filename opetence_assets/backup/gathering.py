"""What a restore needs, gathered into a store of its own: from one copy alone, or from the lake's own history.

A copy is asked for partitions one by one, newest first, until a release is whole: an empty machine knows no manifest
before it has fetched it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from opetence_assets.backup.choosing import RestoreRefused, newest_whole
from opetence_assets.backup.copies import Copy, Partition
from opetence_assets.backup.keys import ZONE as KEYS
from opetence_assets.backup.keys import snapshot_keys
from opetence_assets.backup.manifests import Manifest
from opetence_assets.backup.partitions import partition_of, start_of
from opetence_assets.backup.production import ZONE as PRODUCTION
from opetence_assets.backup.snapshot import ARCHIVE, ZONES, snapshot
from opetence_assets.backup.telling import Tell, quiet, told
from opetence_assets.lake.places import Lake
from opetence_assets.lake.releases import release_as_of

AROUND = 3  # hours of production on both sides of a moment: a late base backup, and the log received after it


@dataclass(frozen=True)
class Asked:
    """What somebody wants back.

    Attributes:
        as_of: the moment; None is as late as possible.
        partition: the backup of this day or week and no other.
        zones: of which zones.
        only: which tables, by lake key.
    """

    as_of: datetime | None = None
    partition: str | None = None
    zones: Sequence[str] = tuple(ZONES)
    only: Callable[[str], bool] = lambda _: True


def chosen_of(store: Lake, asked: Asked) -> list[Manifest]:
    """The manifests to restore, and the keys; see `newest_whole`.

    Raises:
        RestoreRefused: no release is whole, or none of its tables is wanted.
    """
    found = newest_whole(store, asked.partition, asked.as_of)
    chosen = [one for one in found if one.zone in (*asked.zones, ARCHIVE, KEYS)]
    tables = sorted(key for one in found for key in one.tables)
    if not any(asked.only(key) for key in tables):
        near = ", ".join(tables[:5])
        raise RestoreRefused(f"{store.uri}: found no such table in release {found[0].release}; allowed: {near} …")
    return chosen


def from_copy(copy: Copy, into: Lake, asked: Asked, before: datetime | None, tell: Tell = quiet) -> list[Manifest]:
    """Fetches what is asked from a copy alone, as the copy was ``before`` a moment.

    Raises:
        RestoreRefused: it has no whole release of then.
        BackupDamaged: what it has is not as recorded.
    """
    held = set(copy.partitions(before))
    keys = [max(of for of in held if of[0] == KEYS)] if any(zone == KEYS for zone, _ in held) else []
    refused = RestoreRefused(f"{copy.address}: found nothing to restore. Next: another copy, or a later moment")
    for of in _candidates(held, asked):
        for needed in told(f"fetched from {copy.rule.name}", [[*keys, *of]], tell):  # at once: an archive is asked once
            copy.fetch(needed, into, before)
        try:
            return chosen_of(into, replace(asked, partition=of[0][1]))
        except RestoreRefused as error:
            refused = error
    raise refused


def _candidates(held: set[Partition], asked: Asked) -> Iterator[list[Partition]]:
    """Groups of partitions that may hold a whole release, newest first; the archive where the zones' own are gone."""
    zones = [zone for zone in asked.zones if any(of[0] == zone for of in held)]
    partitions = {partition for zone, partition in held if zone in (*zones, ARCHIVE)}
    for partition in sorted(partitions, reverse=True):
        late = asked.as_of and start_of(partition) > asked.as_of
        if late or (asked.partition and partition != asked.partition):
            continue
        own = [(zone, partition) for zone in zones]
        if own and held >= set(own):
            yield own
        if (ARCHIVE, partition) in held:
            yield [(ARCHIVE, partition)]


def from_lake(lake: Lake, keys: Path, into: Lake, asked: Asked, moment: datetime) -> list[Manifest]:
    """Takes the release that was current at a moment from the lake's own history, and the keys as they are.

    Raises:
        RestoreRefused: the lake has no release of then.
        LakeDamaged, LakeError, FileNotFoundError: it has no longer all files of it.
    """
    release = release_as_of(lake, moment)
    if release is None:
        raise RestoreRefused(f"{lake.uri}: found no release as of {moment}; allowed: a copy's. Next: --from store")
    versions = {key: version for key, version in release.versions.items() if asked.only(key)}
    if not versions:
        raise RestoreRefused(
            f"{lake.uri}: found no such table in release {release.number}. Next: opetence release list"
        )
    today, part = partition_of("day", datetime.now(UTC)), replace(release, versions=versions)
    made = [snapshot(lake, into, zone=zone, partition=today, release=part) for zone in asked.zones]
    if keys.exists():
        made.append(snapshot_keys(into, keys, partition=today, since=release.created_at))
    return made


def production_from(copy: Copy, into: Lake, moment: datetime | None, before: datetime | None) -> None:
    """Fetches production's hours around a moment (None: the last ones) from a copy alone.

    Raises:
        RestoreRefused: it has none.
    """
    hours = sorted(partition for zone, partition in copy.partitions(before) if zone == PRODUCTION)
    if not hours:
        raise RestoreRefused(f"{copy.address}: found no backup of {PRODUCTION}. Next: another copy")
    until = sum(moment is None or start_of(hour) <= moment for hour in hours)
    wanted = hours[max(0, until - AROUND) : until + AROUND]
    copy.fetch([(PRODUCTION, hour) for hour in wanted], into, before)
