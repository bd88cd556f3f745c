"""A partition's backup under way: what the store has already, what is copied, and the manifest that ends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from opetence_assets.backup.heads import heads, register
from opetence_assets.backup.manifests import Manifest, StoredBlob, manifest_paths, newest, put_manifest
from opetence_assets.backup.objects import Digest, copied, made_folders, object_path, stored_sizes, sweep_unfinished
from opetence_assets.lake.durability import LakeDamaged
from opetence_assets.lake.places import Lake


@dataclass
class Copying:
    """One backup under way.

    Attributes:
        done: the partition's newest manifest so far.
        parent: the zone's newest manifest, whose files need not be copied again.
    """

    store: Lake
    zone: str
    partition: str
    revision: int
    done: Manifest | None
    parent: Manifest | None
    sizes: dict[str, int] = field(default_factory=dict[str, int])
    copied_bytes: int = 0


def begun(store: Lake, zone: str, partition: str) -> Copying:
    """What is there already; nothing is written but what a kill right after a manifest left to be registered.

    A revision that was registered is never used again, though its manifest may be lost.
    """
    paths, known = manifest_paths(store, zone, partition), heads(store, zone, partition)
    parent = newest(store, manifest_paths(store, zone))
    done = newest(store, paths)
    for one in (done, parent):
        if one and not heads(store, zone, one.partition).get(one.path):
            register(store, one.path, one.sha256)
    last = max((int(path[-11:-5]) for path in (*paths, *known)), default=-1)
    return Copying(store, zone, partition, last + 1, done, parent)


def looked_through(copying: Copying) -> None:
    """Lists the store's objects, once something may have to be copied; what killed copies left goes."""
    sweep_unfinished(copying.store)
    made_folders(copying.store)
    copying.sizes = stored_sizes(copying.store)


def copied_in(copying: Copying, source: Lake, path: str, owner: str, size: int) -> Digest:
    """Copies one file into the store under its hash, if it has as many bytes as it should.

    Raises:
        LakeDamaged: the file is missing or has not the bytes that its log says; names ``owner``.
    """

    def named(digest: Digest, _: Path) -> str | None:
        if digest.bytes != size:
            raise LakeDamaged(
                f"{owner}: found {digest.bytes:,} bytes in {path}; allowed: {size:,}, as its log says."
                " Next: restore the table from an earlier backup"
            )
        placed = object_path(digest.sha256)
        return None if copying.sizes.get(placed) == size else placed

    try:
        digest = copied(source, path, copying.store, named)
    except FileNotFoundError as error:
        raise LakeDamaged(f"{owner}: {path} is missing. Next: restore the table from an earlier backup") from error
    copying.sizes[object_path(digest.sha256)] = size
    copying.copied_bytes += size
    return digest


def blobs(copying: Copying, source: Lake, paths: Mapping[str, int]) -> dict[str, StoredBlob]:
    """Copies files that are no table's (path → bytes); one that the parent has under the same name is read again."""
    found: dict[str, StoredBlob] = {}
    for path, size in paths.items():
        found[path] = StoredBlob(copied_in(copying, source, path, copying.zone, size).sha256, size)
    return found


def ended(copying: Copying, as_of: datetime, **content: Any) -> Manifest | None:
    """Writes the manifest, which makes the backup exist; None if another process was first with this revision."""
    parent = copying.parent
    manifest = Manifest(
        zone=copying.zone,
        partition=copying.partition,
        revision=copying.revision,
        as_of=as_of,
        created_at=datetime.now(UTC),
        copied_bytes=copying.copied_bytes,
        parent=parent.path if parent else None,
        parent_sha256=parent.sha256 if parent else None,
    )
    return put_manifest(copying.store, replace(manifest, **content))
