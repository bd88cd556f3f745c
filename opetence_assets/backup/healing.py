"""Puts back what the lake lost: files that a release names and that are missing or not as they were backed up.

A file's name is never used twice, so putting the very same bytes back under it changes nothing that is right; the
current release is whole again without a new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opetence_assets.backup.manifests import Manifest, StoredBlob, StoredFile
from opetence_assets.backup.objects import Digest, digest_of, sweep_unfinished
from opetence_assets.backup.restore import restored_blob
from opetence_assets.backup.telling import Tell, quiet, told
from opetence_assets.lake.places import Lake


@dataclass(frozen=True)
class Healed:
    """A file that was put back: what was wrong with it."""

    table: str
    file: str
    what: str


def healed(
    store: Lake, lake: Lake, chosen: Sequence[Manifest], *, dry: bool = False, tell: Tell = quiet
) -> list[Healed]:
    """Compares every data file of some manifests with the lake's, byte by byte, and puts back those that differ.

    ``dry`` only says which: nothing is changed.

    Raises:
        BackupDamaged: the backup of such a file is not as recorded either.
    """
    if not dry:
        sweep_unfinished(lake)  # what a killed healing left
    tables = [(key, table) for manifest in chosen for key, table in manifest.tables.items()]
    return [
        one
        for key, table in told("tables compared", tables, tell)
        for file in table.files
        if (one := _healed(store, lake, key, file, dry=dry))
    ]


def _healed(store: Lake, lake: Lake, key: str, file: StoredFile, *, dry: bool) -> Healed | None:
    path, what = f"{key}/{file.path}", "missing"
    try:
        if digest_of(lake, path) == Digest(file.sha256, file.bytes):
            return None
        what = "other bytes than were backed up"
    except FileNotFoundError:
        pass
    if not dry:
        restored_blob(store, StoredBlob(file.sha256, file.bytes), f"{key} {file.path}", lake, path)
    return Healed(key, file.path, what)
