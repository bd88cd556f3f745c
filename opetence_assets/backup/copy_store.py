"""The first copy: content-addressed files beside the lake, under GOVERNANCE lock where the storage has it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from opetence_assets.backup.copies import Copy, Partition, newest_paths, store_of
from opetence_assets.backup.heads import head_path, heads, unregister
from opetence_assets.backup.locks import download, lock, versions_as_of
from opetence_assets.backup.manifests import FOLDER as MANIFESTS
from opetence_assets.backup.manifests import PATH, manifest_paths, manifests, mentioned, place_of, read_manifest
from opetence_assets.backup.objects import (
    FOLDER,
    BackupDamaged,
    Digest,
    copied,
    let_go,
    object_path,
    stored_sizes,
    unfinished,
)
from opetence_assets.backup.planning import Held
from opetence_assets.backup.policy import CopyRule
from opetence_assets.backup.proofs import READ, RESTORED, forgotten, proven
from opetence_assets.backup.verify import Damage, verify
from opetence_assets.backup.working import working_in
from opetence_assets.lake.places import Lake, deleted, files_before, put_new, read, written_at

if TYPE_CHECKING:
    from opetence_assets.settings import Settings


def opened(settings: Settings, rule: CopyRule) -> Copy:
    """The store of these settings."""
    store = store_of(settings)
    return Copy(
        rule=rule,
        address=store.uri,
        holdings=partial(_holdings, store, rule),
        partitions=partial(_partitions, store),
        take=partial(_take, store, rule),
        check=partial(_check, store),
        drop=partial(_drop, store, rule),
        sweep=partial(_sweep, store),
        fetch=partial(_fetch, store, settings.scratch),
    )


def _holdings(store: Lake, rule: CopyRule) -> dict[Partition, Held]:
    known = proven(store, rule.name, store.uri, READ, RESTORED)
    made = written_at(store, MANIFESTS)
    newest = newest_paths([path for path in sorted(made) if PATH.fullmatch(path)])
    return {of: Held(made[path], path in known, manifest=path) for of, path in newest.items()}


def _partitions(store: Lake, as_of: datetime | None) -> set[Partition]:
    if as_of is None or store.is_local:
        return {place_of(path) for path in manifest_paths(store)}
    return {place_of(path) for path in versions_as_of(store, as_of.astimezone(UTC)) if PATH.fullmatch(path)}


def _take(store: Lake, rule: CopyRule, of: Partition, until: datetime | None) -> int:
    """It is there already; what is left to do is to lock it."""
    if until and rule.lock and not store.is_local:
        found = manifests(store, *of)[-1]
        head = head_path(found.path, found.sha256)
        lock(store, [found.path, head, *sorted(object_path(digest) for digest in found.hashes)], until, rule.lock)
    return 0


def _check(store: Lake, of: Partition, known: Collection[str] = ()) -> list[Damage]:
    path = newest_paths(manifest_paths(store, *of))[of]
    try:
        return verify(store, read_manifest(store, path), known)
    except BackupDamaged as error:
        return [Damage(path, "", "", str(error))]


def _drop(store: Lake, rule: CopyRule, partitions: Sequence[Partition]) -> None:
    forgotten(store, rule.name, partitions)
    for of in partitions:
        unregister(store, *of)
    let_go(store, [path for of in partitions for path in manifest_paths(store, *of)])


def _sweep(store: Lake, before: datetime) -> int:
    """Deletes the objects that no manifest names and nobody may still be about to name.

    Raises:
        BackupDamaged: a manifest that stays cannot be read, or is lost, so what it needs is not known; nothing was
            deleted.
    """
    known, there = heads(store), manifest_paths(store)
    lost = sorted(known.keys() - set(there))
    if lost:
        raise BackupDamaged(f"{lost[0]}: found no such manifest; allowed: all that are registered")
    needed = {object_path(digest) for path in there for digest in mentioned(store, path, known)}
    sizes = stored_sizes(store)
    gone = [path for path in files_before(store, FOLDER, before) if path in sizes and path not in needed]
    deleted(store, [*gone, *unfinished(store, before)])
    return sum(sizes[path] for path in gone)


def _fetch(store: Lake, scratch: Path, partitions: Collection[Partition], into: Lake, as_of: datetime | None) -> None:
    if as_of and not store.is_local:
        with working_in(scratch) as folder:
            _fetch_versions(store, partitions, into, as_of, folder)
        return
    found = [manifest for of in partitions for manifest in manifests(store, *of)]
    for digest in sorted({digest for manifest in found for digest in manifest.hashes}):  # revisions share most
        fetched(store, object_path(digest), digest, into)
    for manifest in found:
        put_new(into, manifest.path, read(store, manifest.path))


def fetched(source: Lake, path: str, digest: str, into: Lake) -> None:
    """Copies a file that must have this SHA-256 into a store, under its object's name.

    Raises:
        BackupDamaged: it has another.
        FileNotFoundError: there is no such file.
    """

    def named(found: Digest, _: Path) -> str:
        if found.sha256 != digest:
            raise BackupDamaged(f"{path}: found SHA-256 {found.sha256}. Next: opetence backup verify")
        return object_path(digest)

    copied(source, path, into, named)


def _fetch_versions(store: Lake, partitions: Collection[Partition], into: Lake, as_of: datetime, folder: Path) -> None:
    """Reads the versions that were current at a moment, whatever was deleted or overwritten since."""
    versions = versions_as_of(store, as_of.astimezone(UTC))
    here = Lake(str(folder))
    for path, version in versions.items():
        if PATH.fullmatch(path) and place_of(path) in partitions:
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            download(store, path, version, file)
    for path in manifest_paths(here):
        for digest in sorted(read_manifest(here, path).hashes):
            download(store, object_path(digest), versions[object_path(digest)], folder / digest)
            fetched(here, digest, digest, into)
            (folder / digest).unlink()
        put_new(into, path, read(here, path))
