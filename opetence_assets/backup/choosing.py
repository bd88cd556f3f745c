"""Which manifests belong together: of one release, of every zone, with the keys that open them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from opetence_assets.backup.keys import ZONE as KEYS
from opetence_assets.backup.manifests import Manifest, manifest_paths, newest, place_of, read_manifest
from opetence_assets.backup.objects import BackupDamaged
from opetence_assets.backup.partitions import start_of
from opetence_assets.backup.snapshot import ARCHIVE, ZONES
from opetence_assets.lake.places import Lake


class RestoreRefused(Exception):
    """There is nothing to restore, or the place is not empty; nothing was changed."""


def newest_whole(store: Lake, partition: str | None = None, as_of: datetime | None = None) -> list[Manifest]:
    """The manifests of the newest release of which every zone has a backup (in that partition), and the newest keys.

    With ``as_of`` the release that was current then, if it was backed up, or the last one before it that was.

    Raises:
        RestoreRefused: there is none, or its keys were not backed up after it.
        BackupDamaged: a manifest of that partition is not as it was written.
    """
    paths = [path for path in manifest_paths(store) if place_of(path)[0] in (*ZONES, ARCHIVE)]
    known = [zone for zone in ZONES if any(place_of(path)[0] == zone for path in paths)]
    partitions = {place_of(path)[1] for path in paths}
    for one in [partition] if partition else sorted(partitions, reverse=True):
        if as_of and start_of(one) > as_of:
            continue
        group = _whole(store, [path for path in paths if place_of(path)[1] == one], known, as_of)
        if group:
            return [*group, *_keys_for(store, group[0])]
    when = f" on {partition}" if partition else f" as of {as_of:%Y-%m-%d %H:%M:%S}" if as_of else ""
    raise RestoreRefused(
        f"{store.uri}: found no release{when} with a backup of {', '.join(known) or 'any zone'}."
        " Next: opetence backup list"
    )


def _whole(store: Lake, paths: Sequence[str], known: Sequence[str], as_of: datetime | None) -> list[Manifest]:
    """The newest release of a partition that has every zone; [] if none has."""
    groups: dict[int, dict[str, Manifest]] = {}
    for path in paths:
        manifest = read_manifest(store, path)
        if as_of is None or manifest.as_of <= as_of:
            groups.setdefault(manifest.release or 0, {})[manifest.zone] = manifest
    whole = [number for number, group in groups.items() if ARCHIVE in group or set(group) >= set(known)]
    if not whole:
        return []
    group = groups[max(whole)]
    return [group[ARCHIVE]] if ARCHIVE in group else [group[zone] for zone in known]


def _keys_for(store: Lake, manifest: Manifest) -> list[Manifest]:
    """The newest keys: they open every older row, and the persons erased since have none in them."""
    paths = manifest_paths(store, KEYS)
    keys = newest(store, paths)
    if keys and keys.as_of < manifest.as_of:
        raise RestoreRefused(
            f"{store.uri}: found keys as of {keys.as_of:%Y-%m-%d %H:%M:%S} UTC for a release of"
            f" {manifest.as_of:%Y-%m-%d %H:%M:%S}; allowed: keys that are no older. Next: opetence backup verify"
        )
    if paths and not keys:
        raise BackupDamaged(f"{paths[-1]}: found no manifest of keys as it was written. Next: opetence backup verify")
    return [keys] if keys else []
