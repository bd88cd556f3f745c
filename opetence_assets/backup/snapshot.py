"""Backs up one zone of a release: files the store does not have yet, then the manifest.

The key store goes with bronze, for without keys a restored bronze cannot be read: a consistent copy of the SQLite
file, whose keys are wrapped by the master key, which is never in a backup. Keys must not outlive the erasure deadline
in a backup: expire manifests before it passes. An erased person's key does not come back: ``restore`` replays the
erasures known today.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from opetence_assets.backup.manifests import (
    Manifest,
    StoredFile,
    StoredTable,
    manifest_paths,
    put_manifest,
    read_manifest,
)
from opetence_assets.backup.objects import BackupDamaged, Digest, copied, object_path, stored_sizes, sweep_unfinished
from opetence_assets.lake.durability import LakeDamaged
from opetence_assets.lake.places import Lake, LakeError, listing, read
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.releases import Release
from opetence_assets.lake.releases import release as recorded
from opetence_assets.lake.tables import DataFile, Table, open_table, transactions_of
from opetence_assets.lake.tables import snapshot as opened

STALE_SECONDS = 3600
# What is refused on the way from bronze to silver is backed up with silver.
ZONES = {"bronze": ("bronze/",), "silver": ("silver/", "quarantine/"), "gold": ("gold/",)}


@dataclass
class _Copying:
    """A snapshot under way: where from, where to, and what the store has already."""

    lake: Lake
    store: Lake
    known: Mapping[tuple[str, str, int], str]  # (table, path, bytes) → sha256: data files never change
    sizes: dict[str, int] = field(default_factory=dict[str, int])
    copied_bytes: int = 0


def snapshot(lake: Lake, store: Lake, *, zone: str, day: date, release: Release, keys: Path | None = None) -> Manifest:
    """Backs up a zone's tables at the versions of a release, and the key store at ``keys`` if given.

    Costs a lookup for each file that the zone's previous backup has. Run again for the same day and release it does
    nothing; for a later release on the same day it adds a revision.

    Raises:
        LakeError: an unknown zone.
        LakeDamaged: a file is missing from the lake or has not the bytes that its log says.
    """
    if zone not in ZONES:
        raise LakeError(f"backup of {zone}: found an unknown zone; allowed: {', '.join(ZONES)}")
    paths = manifest_paths(store, zone, day)
    done = _newest(store, paths)
    if done and done.release == release.number:
        return done
    sweep_unfinished(store)
    parent = _newest(store, manifest_paths(store, zone))
    copying = _Copying(lake, store, _known(parent), stored_sizes(store))
    members = sorted(key for key in release.versions if key.startswith(ZONES[zone]))
    tables = {key: _stored_table(copying, key, release) for key in members}
    manifest = Manifest(
        zone=zone,
        day=day,
        revision=len(paths),
        release=release.number,
        released=recorded(lake, release.number),
        created_at=datetime.now(UTC),
        tables=tables,
        keys=_stored_keys(copying, keys) if keys and keys.exists() else None,
        copied_bytes=copying.copied_bytes,
        parent=parent.path if parent else None,
        parent_sha256=parent.sha256 if parent else None,
    )
    made = put_manifest(store, manifest)
    return made if made else snapshot(lake, store, zone=zone, day=day, release=release, keys=keys)


def _newest(store: Lake, paths: Sequence[str]) -> Manifest | None:
    """The last manifest that is as it was written; ``verify`` reports those that are not."""
    for path in reversed(paths):
        try:
            return read_manifest(store, path)
        except BackupDamaged:
            continue
    return None


def _known(parent: Manifest | None) -> dict[tuple[str, str, int], str]:
    tables = parent.tables if parent else {}
    return {(key, file.path, file.bytes): file.sha256 for key, table in tables.items() for file in table.files}


def _stored_table(copying: _Copying, key: str, release: Release) -> StoredTable:
    lake, version = copying.lake, release.versions[key]
    table, delta = open_table(lake, key, version), opened(lake, key, version)
    if table is None or delta is None:
        raise LakeDamaged(f"{key}: found no table; allowed: version {version}, as release {release.number} says")
    read_up_to = _consumed(lake, key, release)
    unread = {file.path for file in table.new_since(read_up_to).files} if read_up_to < version else set[str]()
    notes = listing(lake, f"verdicts/{key}/{version:020d}")
    return StoredTable(
        version=version,
        rows=table.rows,
        schema=delta.schema().to_json(),
        partition_by=tuple(delta.metadata().partition_columns),
        metadata=last_progress(lake, key, version),
        transactions=transactions_of(lake, key, version),
        read_up_to=read_up_to,
        files=tuple(_stored_file(copying, table, file, file.path in unread) for file in table.files),
        notes={path: read(lake, path).decode() for path in notes},
    )


def _consumed(lake: Lake, key: str, release: Release) -> int:
    """The version of a bronze table that the released silver has read; the released one for any other table."""
    version = release.versions[key]
    zone, _, name = key.partition("/")
    silver = f"silver/{name}"
    if zone != "bronze" or silver not in release.versions:
        return version
    consumed: Mapping[str, Any] = last_progress(lake, silver, release.versions[silver]).get("consumed", {})
    return min(int(consumed.get(key, version)), version)


def _stored_file(copying: _Copying, table: Table, file: DataFile, unread: bool) -> StoredFile:
    digest = copying.known.get((table.key, file.path, file.size))
    if digest is None or copying.sizes.get(object_path(digest)) != file.size:
        path = f"{table.key}/{file.path}"
        digest = _copied(copying, copying.lake, path, table.key, file.size).sha256
    return StoredFile(file.path, digest, file.size, file.rows, file.partition, file.stats, unread)


def _copied(copying: _Copying, source: Lake, path: str, table: str, size: int) -> Digest:
    """Copies one file into the store under its hash, if it has as many bytes as it should."""

    def named(digest: Digest, _: Path) -> str:
        if digest.bytes != size:
            raise LakeDamaged(
                f"{table}: found {digest.bytes:,} bytes in {path}; allowed: {size:,}, as its log says."
                " Next: restore the table from an earlier backup"
            )
        return object_path(digest.sha256)

    try:
        digest = copied(source, path, copying.store, named)
    except FileNotFoundError as error:
        raise LakeDamaged(f"{table}: {path} is missing. Next: restore the table from an earlier backup") from error
    copying.sizes[object_path(digest.sha256)] = size
    copying.copied_bytes += size
    return digest


def _stored_keys(copying: _Copying, keys: Path) -> dict[str, Any]:
    """A consistent copy of the key store, taken while others use it; only wrapped keys are in it."""
    for stale in keys.parent.glob(".snapshot-*"):  # of a killed snapshot: keys must not live on in it
        if stale.stat().st_mtime < time.time() - STALE_SECONDS:
            shutil.rmtree(stale)
    with TemporaryDirectory(prefix=".snapshot-", dir=keys.parent) as folder:
        copy = Path(folder) / "keys.sqlite"
        address = f"{keys.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=60)) as live, closing(sqlite3.connect(copy)) as target:
            live.backup(target)
        digest = _copied(copying, Lake(folder), copy.name, "keys", copy.stat().st_size)
    return {"sha256": digest.sha256, "bytes": digest.bytes}
