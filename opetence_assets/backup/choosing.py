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

    A Monday names its day and its week: asked for, it is the day, and the week's archive only where the day is gone.
    With ``as_of`` the release that was current then, if it was backed up, or the last one before it that was.

    Raises:
        RestoreRefused: there is none, or its keys were not backed up after it.
        BackupDamaged: a manifest of that partition is not as it was written.
    """
    paths = [path for path in manifest_paths(store) if place_of(path)[0] in (*ZONES, ARCHIVE)]
    known = [zone for zone in ZONES if any(place_of(path)[0] == zone for path in paths)]
    days = [path for path in paths if place_of(path)[0] != ARCHIVE]
    chosen = _first_whole(store, days, known, partition, as_of)
    if not (chosen and partition):
        try:
            archived = _first_whole(store, sorted({*paths} - {*days}), [ARCHIVE], partition, as_of)
        except BackupDamaged:
            if not chosen:
                raise
            archived = []
        chosen = max(chosen, archived, key=lambda found: (found[0].release or 0) if found else -1)
    if chosen:
        return [*chosen, *_keys_for(store, chosen[0])]
    when = f" on {partition}" if partition else f" as of {as_of:%Y-%m-%d %H:%M:%S}" if as_of else ""
    raise RestoreRefused(
        f"{store.uri}: found no release{when} with a backup of {', '.join(known) or 'any zone'}."
        " Next: opetence backup list"
    )


def _first_whole(
    store: Lake, paths: Sequence[str], zones: Sequence[str], partition: str | None, as_of: datetime | None
) -> list[Manifest]:
    """The newest release that has every one of these zones, newest partition first; [] if none has."""
    for one in sorted({place_of(path)[1] for path in paths}, reverse=True):
        if partition not in (None, one) or (as_of and start_of(one) > as_of):
            continue
        groups: dict[int, dict[str, Manifest]] = {}
        for manifest in (read_manifest(store, path) for path in paths if place_of(path)[1] == one):
            if as_of is None or manifest.as_of <= as_of:
                groups.setdefault(manifest.release or 0, {})[manifest.zone] = manifest
        whole = [number for number, group in groups.items() if group.keys() >= set(zones)]
        if whole:
            return [groups[max(whole)][zone] for zone in zones]
    return []


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
