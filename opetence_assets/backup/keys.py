"""The backup of the key store: a zone of its own, for it may not live as long as what it opens.

Without keys a restored bronze cannot be read; with old keys an erased person can be. So keys are kept no longer than
the erasure deadline (the policy sees to it), what they open is kept for years, and a restore takes the newest there
are. Keys are wrapped by the master key, which is never in a backup.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from opetence_assets.backup.copying import begun, blobs, ended, looked_through
from opetence_assets.backup.manifests import Manifest
from opetence_assets.backup.objects import sweep_unfinished
from opetence_assets.lake.durability import fsync_file, fsync_folder, made_folder
from opetence_assets.lake.places import TEMPORARY, Lake

ZONE = "keys"
FILE = "keys.sqlite"
STALE_SECONDS = 3600


def snapshot_keys(store: Lake, keys: Path, *, partition: str, since: datetime) -> Manifest:
    """Backs up the key store as it is now, consistent while others write to it.

    Does nothing if the partition has a backup made after ``since``, the moment of the release whose keys are wanted:
    a key is made before the first row that needs it.
    """
    copying = begun(store, ZONE, partition)
    if copying.done and copying.done.as_of >= since:
        return copying.done
    now = datetime.now(UTC)  # before the copy: every key that existed by then is in it
    looked_through(copying)
    for stale in keys.parent.glob(".snapshot-*"):  # of a killed snapshot: keys must not live on in it
        if stale.stat().st_mtime < time.time() - STALE_SECONDS:
            shutil.rmtree(stale)
    with TemporaryDirectory(prefix=".snapshot-", dir=keys.parent) as folder:
        copy = Path(folder) / FILE
        address = f"{keys.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=60)) as live, closing(sqlite3.connect(copy)) as target:
            live.backup(target)
        files = blobs(copying, Lake(folder), {FILE: copy.stat().st_size})
    return ended(copying, now, files=files) or snapshot_keys(store, keys, partition=partition, since=since)


def restored_keys(place: Callable[[Path], None], keys_into: Path, erased_in: Path | None) -> None:
    """Puts a key store back less whoever was erased since; it has its name only when that is done.

    Args:
        place: writes the stored key store to a path, checked.
        erased_in: today's key store, if it still exists: whom it says was erased stays erased.
    """
    made_folder(keys_into.parent)
    path = keys_into.with_name(f"{keys_into.name}{TEMPORARY}")
    place(path)
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
