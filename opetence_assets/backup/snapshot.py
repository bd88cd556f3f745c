"""Backs up one zone of a release: files the store does not have yet, then the manifest."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from opetence_assets.backup.copying import Copying, begun, blobs, copied_in, ended, looked_through
from opetence_assets.backup.manifests import Manifest, StoredFile, StoredTable
from opetence_assets.backup.objects import object_path
from opetence_assets.lake.durability import LakeDamaged
from opetence_assets.lake.places import Lake, LakeError, listing, read
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.releases import Release
from opetence_assets.lake.releases import release as recorded
from opetence_assets.lake.tables import DataFile, Table, table_of, transactions_of
from opetence_assets.lake.tables import snapshot as opened

# What is refused on the way from bronze to silver is backed up with silver. Beside the tables go what the lake notes of
# them in small files; candidates do not: they name versions that no release has.
ZONES = {"bronze": ("bronze/",), "silver": ("silver/", "quarantine/"), "gold": ("gold/",)}
BESIDE = {"bronze": ("drift",), "silver": ("measured",), "gold": ("declared",)}
ARCHIVE = "archive"  # every table of every zone, kept for years


@dataclass(frozen=True)
class _Source:
    """Where a snapshot is taken from, and what the store has of it: files never change."""

    lake: Lake
    release: Release
    copying: Copying
    known: Mapping[tuple[str, str, int], str]  # (table, path, bytes) → sha256


def snapshot(
    lake: Lake, store: Lake, *, zone: str, partition: str, release: Release, without: Collection[str] = ()
) -> Manifest:
    """Backs up a zone's tables at the versions of a release; ``archive`` is every zone at once.

    Costs a lookup for each file that the zone's previous backup has. Run again for the same partition and release it
    does nothing; for a later release in the same partition it adds a revision.

    Args:
        without: datasets (``system/table``) that are left out.

    Raises:
        LakeError: an unknown zone.
        LakeDamaged: a file is missing from the lake or has not the bytes that its log says.
    """
    zones = list(ZONES) if zone == ARCHIVE else [zone]
    if zone != ARCHIVE and zone not in ZONES:
        raise LakeError(f"backup of {zone}: found an unknown zone; allowed: {', '.join([*ZONES, ARCHIVE])}")
    copying = begun(store, zone, partition)
    if copying.done and copying.done.release == release.number:
        return copying.done
    looked_through(copying)
    source = _Source(lake, release, copying, _known(copying.parent))
    prefixes = tuple(prefix for one in zones for prefix in ZONES[one])
    members = sorted(key for key in release.versions if key.startswith(prefixes) and _name(key) not in without)
    made = ended(
        copying,
        release.created_at,
        release=release.number,
        released=recorded(lake, release.number),
        tables={key: _stored_table(source, key) for key in members},
        files=blobs(copying, lake, {path: len(read(lake, path)) for one in zones for path in _beside(lake, one)}),
    )
    return made or snapshot(lake, store, zone=zone, partition=partition, release=release, without=without)


def _name(key: str) -> str:
    return key.partition("/")[2]


def _beside(lake: Lake, zone: str) -> list[str]:
    return [path for folder in BESIDE[zone] for path in listing(lake, folder)]


def _known(parent: Manifest | None) -> dict[tuple[str, str, int], str]:
    tables = parent.tables if parent else {}
    return {(key, file.path, file.bytes): file.sha256 for key, table in tables.items() for file in table.files}


def _stored_table(source: _Source, key: str) -> StoredTable:
    lake, release = source.lake, source.release
    version = release.versions[key]
    delta = opened(lake, key, version)
    if delta is None:
        raise LakeDamaged(f"{key}: found no table; allowed: version {version}, as release {release.number} says")
    table = table_of(lake, key, delta)
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
        files=tuple(_stored_file(source, table, file, file.path in unread) for file in table.files),
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


def _stored_file(source: _Source, table: Table, file: DataFile, unread: bool) -> StoredFile:
    copying = source.copying
    digest = source.known.get((table.key, file.path, file.size))
    if digest is None or copying.sizes.get(object_path(digest)) != file.size:
        digest = copied_in(copying, source.lake, f"{table.key}/{file.path}", table.key, file.size).sha256
    return StoredFile(file.path, digest, file.size, file.rows, file.partition, file.stats, unread)
