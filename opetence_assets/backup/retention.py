"""Lets old backups go: manifests past their days, then the objects that no manifest names any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from opetence_assets.backup.manifests import manifest_paths, manifests, place_of
from opetence_assets.backup.objects import FOLDER, object_path, stored_sizes
from opetence_assets.lake.places import Lake, deleted, files_before

UNDER_WAY = timedelta(days=1)  # an object this young may belong to a snapshot whose manifest is still to come


@dataclass(frozen=True)
class Expired:
    """What was deleted."""

    manifests: int
    objects: int
    bytes: int


def expire(store: Lake, *, today: date, keep_days: int) -> Expired:
    """Deletes backups of days before ``today - keep_days``, but never a zone's newest day.

    ``keep_days`` is also how long an erased person's wrapped key lives on in backups: keep it below the erasure
    deadline.

    Raises:
        BackupDamaged: a manifest that stays cannot be read, so what it needs is not known; no object was deleted.
    """
    paths = manifest_paths(store)
    places = {path: place_of(path) for path in paths}
    newest = dict(places.values())
    oldest = (today - timedelta(days=keep_days)).isoformat()
    old = [path for path, (zone, partition) in places.items() if partition < oldest and partition != newest[zone]]
    deleted(store, old)
    needed = {object_path(digest) for manifest in manifests(store) for digest in manifest.hashes}
    sizes = stored_sizes(store)
    idle = files_before(store, FOLDER, datetime.now(UTC) - UNDER_WAY)
    gone = [path for path in idle if path in sizes and path not in needed]
    deleted(store, gone)
    return Expired(len(old), len(gone), sum(sizes[path] for path in gone))
