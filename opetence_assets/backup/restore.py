"""Brings a release back from its backups into an empty place, checking every byte on the way.

A restored table's log starts at the version the table had, with the metadata and idempotency keys it had: cursors,
consumed versions and row versions stay true, so loads go on as if nothing had happened. The release keeps its number
and comes last: until then the place has none, and a restore that was killed is run again with the same arguments.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from opetence_assets.backup.manifests import Manifest, StoredFile, StoredTable, manifest_paths, manifests
from opetence_assets.backup.objects import BackupDamaged, Digest, copied, object_path, sweep_unfinished
from opetence_assets.lake import log
from opetence_assets.lake.durability import fsync_file, fsync_folder, made_folder
from opetence_assets.lake.places import TEMPORARY, Lake, deleted, listing, put_new, read
from opetence_assets.lake.releases import Release, current_release, put_release
from opetence_assets.lake.tables import open_table, snapshot

UNDER_WAY = "restoring.json"  # in the place while it is being filled: which manifests it is filled from


class RestoreRefused(Exception):
    """There is nothing to restore, or the place is not empty; nothing was changed."""


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
    day: date | None = None,
    into: Lake,
    keys_into: Path,
    erased_in: Path | None = None,
) -> Report:
    """Restores the ``chosen`` manifests (one a zone), or the newest release of ``day``, or the newest of all.

    ``erased_in`` is today's key store, if it still exists: whom it says was erased stays erased.

    Raises:
        RestoreRefused: no backup holds every zone of one release, or the place or ``keys_into`` is not empty.
        BackupDamaged: a byte or a row count is not as recorded; the place has no release then.
    """
    chosen = list(chosen) if chosen is not None else _newest_whole(store, day)
    _claim(into, keys_into, chosen)
    if current_release(into) is None:  # else all was done but taking the mark away
        for manifest in chosen:
            for key, table in manifest.tables.items():
                _restore_table(store, into, key, table)
        _restore_keys(store, chosen, keys_into, erased_in)
        put_release(into, _release(chosen))
    deleted(into, [UNDER_WAY])
    rows = {key: table.rows for manifest in chosen for key, table in manifest.tables.items()}
    return Report(rows, _release(chosen).number, sum(manifest.bytes for manifest in chosen))


def _newest_whole(store: Lake, day: date | None) -> list[Manifest]:
    """The manifests of the newest release that every zone of the store has a backup of (on that day)."""
    paths = manifest_paths(store)
    zones = {path.split("/")[1] for path in paths}
    days = [day.isoformat()] if day else sorted({path.split("/")[2] for path in paths}, reverse=True)
    for one in days:
        groups: dict[int, dict[str, Manifest]] = {}
        for manifest in manifests(store, day=date.fromisoformat(one)):
            groups.setdefault(manifest.release, {})[manifest.zone] = manifest
        whole = [number for number, group in groups.items() if set(group) == zones]
        if whole:
            return list(groups[max(whole)].values())
    raise RestoreRefused(
        f"{store.uri}: found no release{f' on {day}' if day else ''} with a backup of"
        f" {', '.join(sorted(zones)) or 'any zone'}. Next: opetence backup list"
    )


def _claim(into: Lake, keys_into: Path, chosen: Sequence[Manifest]) -> None:
    """Refuses a place that holds anything but an unfinished restore of the very same manifests."""
    mark = json.dumps({manifest.path: manifest.sha256 for manifest in chosen}, sort_keys=True).encode()
    found = listing(into, "")
    if UNDER_WAY in found and read(into, UNDER_WAY) == mark:
        return
    if found or keys_into.exists():
        raise RestoreRefused(
            f"{into.uri if found else keys_into}: found something there already;"
            " allowed: an empty place. Next: choose another, nothing was changed"
        )
    put_new(into, UNDER_WAY, mark)


def _restore_table(store: Lake, into: Lake, key: str, table: StoredTable) -> None:
    """Copies a table's files, then writes its log, and counts the rows of what a reader would open."""
    for path, text in table.notes.items():
        put_new(into, path, text.encode())
    for file in table.files:
        _restore_file(store, into, key, file)
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

    _copied(store, file.sha256, f"{key} {file.path}", into, named)


def _copied(store: Lake, digest: str, what: str, into: Lake, named: Callable[[Digest, Path], str]) -> None:
    try:
        copied(store, object_path(digest), into, named)
    except FileNotFoundError as error:
        raise BackupDamaged(f"{what}: {object_path(digest)} is missing. Next: restore another day") from error


def _refuse_other(found: Digest, expected: Digest, what: str) -> None:
    if found != expected:
        raise BackupDamaged(
            f"{what}: found {found.bytes:,} bytes with SHA-256 {found.sha256} in {object_path(expected.sha256)};"
            f" allowed: {expected.bytes:,} bytes with {expected.sha256}. Next: restore another day"
        )


def _restore_keys(store: Lake, chosen: Sequence[Manifest], keys_into: Path, erased_in: Path | None) -> None:
    """The key store less whoever was erased since; it appears under its name only when that is done."""
    stored = next((manifest.keys for manifest in chosen if manifest.keys), None)
    if stored is None:
        return
    made_folder(keys_into.parent)
    unfinished = f"{keys_into.name}{TEMPORARY}"

    def named(digest: Digest, _: Path) -> str:
        _refuse_other(digest, Digest(stored["sha256"], stored["bytes"]), "keys")
        return unfinished

    _copied(store, stored["sha256"], "keys", Lake(str(keys_into.parent)), named)
    path = keys_into.with_name(unfinished)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA journal_mode = OFF")  # a journal left by a kill would hold keys, and be replayed
        connection.executemany("INSERT OR IGNORE INTO erased VALUES (?, ?)", _ledger(erased_in))
        connection.execute("DELETE FROM keys WHERE subject IN (SELECT subject FROM erased)")
        connection.execute("VACUUM")
    path.chmod(0o600)
    fsync_file(path)
    os.replace(path, keys_into)
    sweep_unfinished(Lake(str(keys_into.parent)), timedelta(0))  # a killed copy has the keys of the erased
    fsync_folder(keys_into.parent)


def _ledger(erased_in: Path | None) -> list[tuple[str, str]]:
    if erased_in is None or not erased_in.exists():
        return []
    with closing(sqlite3.connect(f"{erased_in.absolute().as_uri()}?mode=ro", uri=True, timeout=60)) as live:
        return live.execute("SELECT subject, at FROM erased").fetchall()


def _release(chosen: Sequence[Manifest]) -> Release:
    """The release that was backed up, with the tables that are restored."""
    newest = max((manifest.released for manifest in chosen), key=lambda release: release.number)
    return replace(newest, versions={k: table.version for one in chosen for k, table in one.tables.items()})
