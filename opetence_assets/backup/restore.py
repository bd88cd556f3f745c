"""Brings a release back from its backups into an empty place, checking every byte on the way.

A restored table's log starts at the version the table had, with the metadata and idempotency keys it had: cursors,
consumed versions and row versions stay true, so loads go on as if nothing had happened. The release keeps its number
and comes last: until then the place has none, and a restore that was killed is run again with the same arguments.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from opetence_assets.backup.choosing import RestoreRefused, newest_whole
from opetence_assets.backup.keys import FILE as KEYS_FILE
from opetence_assets.backup.keys import ZONE as KEYS
from opetence_assets.backup.keys import restored_keys
from opetence_assets.backup.manifests import Manifest, StoredBlob, StoredFile, StoredTable
from opetence_assets.backup.objects import SIDE_BY_SIDE, BackupDamaged, Digest, copied, object_path, unfinished
from opetence_assets.backup.telling import Tell, quiet, told
from opetence_assets.lake import log
from opetence_assets.lake.durability import fsync_file, fsync_folder
from opetence_assets.lake.places import Lake, deleted, listing, put_new, read
from opetence_assets.lake.releases import Release, current_release, put_release
from opetence_assets.lake.tables import open_table, snapshot

UNDER_WAY = "restoring.json"  # in the place while it is being filled: which manifests it is filled from


@dataclass(frozen=True)
class Report:
    """What was restored: rows by lake key, and the release that is current now."""

    rows: Mapping[str, int]
    release: int
    bytes: int


def restore(
    store: Lake,
    chosen: Sequence[Manifest] | None = None,
    *,
    partition: str | None = None,
    into: Lake,
    keys_into: Path,
    erased_in: Path | None = None,
    only: Callable[[str], bool] = lambda _: True,
    tell: Tell = quiet,
) -> Report:
    """Restores the ``chosen`` manifests (one a zone), or the newest release of ``partition``, or the newest of all.

    Args:
        erased_in: today's key store, if it still exists: whom it says was erased stays erased.
        only: which tables, by lake key; the release that is restored has no others then.

    Raises:
        RestoreRefused: no backup holds every zone of one release, or the place or ``keys_into`` is not empty.
        BackupDamaged: a byte or a row count is not as recorded; the place has no release then.
    """
    chosen = _less(chosen if chosen is not None else newest_whole(store, partition), only)
    _claim(into, keys_into, chosen)
    if current_release(into) is None:  # else all was done but taking the mark away
        for manifest in chosen:
            _restore_zone(store, into, manifest, keys_into, erased_in, tell)
        _force_to_disk(into, tell)
        put_release(into, _release(chosen))
    deleted(into, [*unfinished(into, datetime.now(UTC)), UNDER_WAY])  # of runs of this restore that were killed
    rows = {key: table.rows for manifest in chosen for key, table in manifest.tables.items()}
    return Report(rows, _release(chosen).number, sum(manifest.bytes for manifest in chosen))


def _force_to_disk(into: Lake, tell: Tell) -> None:
    """All at the end, when every byte is verified: a disk that is written while it is read is slow at both."""
    if into.is_local:
        files = [Path(folder, name) for folder, _, names in os.walk(into.uri) for name in names]
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            for _, _ in zip(told("to disk", files, tell), pool.map(fsync_file, files), strict=True):
                continue
        for folder, _, _ in os.walk(into.uri):
            fsync_folder(folder)


def _less(chosen: Sequence[Manifest], only: Callable[[str], bool]) -> list[Manifest]:
    return [replace(one, tables={key: table for key, table in one.tables.items() if only(key)}) for one in chosen]


def _claim(into: Lake, keys_into: Path, chosen: Sequence[Manifest]) -> None:
    """Refuses a place that holds anything but an unfinished restore of the very same manifests."""
    mark = json.dumps({one.path: [one.sha256, *sorted(one.tables)] for one in chosen}, sort_keys=True).encode()
    found = listing(into, "")
    if UNDER_WAY in found and read(into, UNDER_WAY) == mark:
        return
    if found or keys_into.exists():
        raise RestoreRefused(
            f"{into.uri if found else keys_into}: found something there already;"
            " allowed: an empty place. Next: choose another, nothing was changed"
        )
    put_new(into, UNDER_WAY, mark)


def _restore_zone(
    store: Lake, into: Lake, manifest: Manifest, keys_into: Path, erased_in: Path | None, tell: Tell
) -> None:
    for key, table in told(manifest.zone, list(manifest.tables.items()), tell):
        _restore_table(store, into, key, table)
    for path, blob in manifest.files.items():
        if manifest.zone != KEYS:
            restored_blob(store, blob, f"{manifest.zone} {path}", into, path, durable=False)
        elif path == KEYS_FILE:

            def place(to: Path, blob: StoredBlob = blob) -> None:
                restored_blob(store, blob, KEYS, Lake(str(to.parent)), to.name)

            restored_keys(place, keys_into, erased_in)


def restored_blob(store: Lake, blob: StoredBlob, what: str, into: Lake, path: str, *, durable: bool = True) -> None:
    """Copies one stored file to ``path`` in a place, checked on the way; absent before it is whole.

    Raises:
        BackupDamaged: it is missing or its bytes are not as recorded; says ``what`` it is.
    """

    def named(digest: Digest, _: Path) -> str:
        _refuse_other(digest, Digest(blob.sha256, blob.bytes), what)
        return path

    _copied(store, blob.sha256, what, into, named, durable=durable)


def _restore_table(store: Lake, into: Lake, key: str, table: StoredTable) -> None:
    """Copies a table's files, then writes its log, and counts the rows of what a reader would open."""
    for path, text in table.notes.items():
        put_new(into, path, text.encode())
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        list(pool.map(partial(_restore_file, store, into, key), table.files))
    read = [file for file in table.files if not file.unread]
    unread = [file for file in table.files if file.unread]
    first = min(table.read_up_to, table.version) if unread else table.version
    for version in range(first, table.version + 1):
        last = version == table.version
        actions = [
            *(_head(table, read) if version == first else ()),
            *(_added(unread) if last and version != first else ()),
        ]
        log.put_commit(into, key, version, actions, table.metadata if last else {}, "RESTORE")
    for version in sorted({first, table.version}):
        delta = snapshot(into, key, version)
        assert delta is not None
        log.checkpoint(into, key, delta)
    restored = open_table(into, key)
    found = (restored.version, restored.rows) if restored else None
    if found != (table.version, table.rows):
        raise BackupDamaged(f"{key}: found version and rows {found}; allowed: {(table.version, table.rows)}")


def _head(table: StoredTable, files: Sequence[StoredFile]) -> list[log.Action]:
    return [
        log.protocol(table.schema),
        log.meta_data(table.schema, table.partition_by),
        *(log.transaction(app_id, number) for app_id, number in table.transactions.items()),
        *_added(files),
    ]


def _added(files: Sequence[StoredFile]) -> list[log.Action]:
    return [log.add(file.path, file.bytes, file.partition, json.dumps(file.stats)) for file in files]


def _restore_file(store: Lake, into: Lake, key: str, file: StoredFile) -> None:
    def named(digest: Digest, copy: Path) -> str:
        _refuse_other(digest, Digest(file.sha256, file.bytes), f"{key} {file.path}")
        import pyarrow.parquet as pq

        rows = pq.read_metadata(copy).num_rows
        if rows != file.rows:
            raise BackupDamaged(f"{key} {file.path}: found {rows:,} rows; allowed: {file.rows:,}. Next: another day")
        return f"{key}/{file.path}"

    _copied(store, file.sha256, f"{key} {file.path}", into, named, durable=False)


def _copied(
    store: Lake, digest: str, what: str, into: Lake, named: Callable[[Digest, Path], str], *, durable: bool
) -> None:
    try:
        copied(store, object_path(digest), into, named, durable=durable)
    except FileNotFoundError as error:
        raise BackupDamaged(f"{what}: {object_path(digest)} is missing. Next: restore another day") from error


def _refuse_other(found: Digest, expected: Digest, what: str) -> None:
    if found != expected:
        raise BackupDamaged(
            f"{what}: found {found.bytes:,} bytes with SHA-256 {found.sha256} in {object_path(expected.sha256)};"
            f" allowed: {expected.bytes:,} bytes with {expected.sha256}. Next: restore another day"
        )


def _release(chosen: Sequence[Manifest]) -> Release:
    """The release that was backed up, with the tables that are restored."""
    found = [manifest.released for manifest in chosen if manifest.released]
    return replace(
        max(found, key=lambda release: release.number),
        versions={k: table.version for one in chosen for k, table in one.tables.items()},
    )
