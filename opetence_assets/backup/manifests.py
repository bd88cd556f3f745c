"""A manifest says what a backup of one zone on one day consists of, file by file, and proves itself unchanged.

It is written last, so a backup exists whole or not at all, and it names the hash of the one before it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from opetence_assets.backup.objects import BackupDamaged
from opetence_assets.lake.places import Lake, listing, put_new, read
from opetence_assets.lake.releases import Release

FOLDER = "manifests"
PATH = re.compile(rf"{FOLDER}/(?P<zone>\w+)/(?P<day>\d{{4}}-\d\d-\d\d)/(?P<revision>\d{{6}})\.json")


@dataclass(frozen=True)
class StoredFile:
    """One data file: its path in the table, its bytes, and what the log says of it."""

    path: str
    sha256: str
    bytes: int
    rows: int
    partition: Mapping[str, str | None]
    stats: Mapping[str, Any]
    unread: bool = False  # added after the version that the next zone had read (``StoredTable.read_up_to``)


@dataclass(frozen=True)
class StoredTable:
    """One table at its released version, with all that lets a restored lake go on where it stopped.

    Attributes:
        schema: Delta's schema, as JSON text.
        metadata: what the writer of the version noted: cursor, versions consumed …
        transactions: app id → number of every idempotency key applied.
        read_up_to: the version that the tables made from this one had consumed.
        notes: small files of the lake about this version (verdicts of checks), by path.
    """

    version: int
    rows: int
    schema: str
    partition_by: tuple[str, ...]
    metadata: Mapping[str, Any]
    transactions: Mapping[str, int]
    read_up_to: int
    files: tuple[StoredFile, ...]
    notes: Mapping[str, str]


@dataclass(frozen=True)
class Manifest:
    """The backup of one zone on one day.

    Attributes:
        release: number of the release that was backed up; ``released`` has all of it.
        revision: 0 for the day's first, higher where a later release was backed up on the same day.
        copied_bytes: bytes that the store did not have yet.
        keys: hash and bytes of the key store's snapshot, with bronze.
        parent, parent_sha256: the zone's manifest before this one.
        sha256: of everything else in here.
    """

    zone: str
    day: date
    revision: int
    release: int
    released: Release
    created_at: datetime
    tables: Mapping[str, StoredTable]
    copied_bytes: int = 0
    keys: Mapping[str, Any] | None = None
    parent: str | None = None
    parent_sha256: str | None = None
    sha256: str = field(default="", compare=False)

    @property
    def path(self) -> str:
        return f"{FOLDER}/{self.zone}/{self.day.isoformat()}/{self.revision:06d}.json"

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())

    @property
    def bytes(self) -> int:
        return sum(file.bytes for table in self.tables.values() for file in table.files)

    @property
    def hashes(self) -> set[str]:
        """Of every object that this backup needs."""
        files = {file.sha256 for table in self.tables.values() for file in table.files}
        return files | {self.keys["sha256"]} if self.keys else files


def manifests(store: Lake, zone: str | None = None, day: date | None = None) -> list[Manifest]:
    """Every manifest (of a zone, of a day), newest last.

    Raises:
        BackupDamaged: one of them is not as it was written.
    """
    return [read_manifest(store, path) for path in manifest_paths(store, zone, day)]


def manifest_paths(store: Lake, zone: str | None = None, day: date | None = None) -> list[str]:
    """Their paths, ordered by day and revision."""
    found = [match for path in listing(store, FOLDER) if (match := PATH.fullmatch(path))]
    wanted = [
        match
        for match in found
        if (zone is None or match["zone"] == zone) and (day is None or match["day"] == day.isoformat())
    ]
    return [match[0] for match in sorted(wanted, key=lambda match: (match["day"], match["revision"], match["zone"]))]


def read_manifest(store: Lake, path: str) -> Manifest:
    """One manifest, checked against its own hash.

    Raises:
        BackupDamaged: a byte of it changed.
    """
    data = read(store, path)
    try:
        content: dict[str, Any] = json.loads(data)
        manifest = _decoded(content["body"], content["sha256"])
        genuine = _encoded(manifest) == data and manifest.path == path
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupDamaged(f"{path}: found a manifest that cannot be read. Next: opetence backup verify") from error
    if not genuine:
        raise BackupDamaged(f"{path}: found a manifest that differs from its SHA-256. Next: opetence backup verify")
    return manifest


def put_manifest(store: Lake, manifest: Manifest) -> Manifest | None:
    """Writes a manifest, whole and durable, and returns it with its hash; None if that revision exists."""
    sealed = replace(manifest, sha256=sha256(_canonical(_body(manifest))).hexdigest())
    return sealed if put_new(store, sealed.path, _encoded(sealed)) else None


def _encoded(manifest: Manifest) -> bytes:
    body = _body(manifest)
    return _canonical({"body": body, "sha256": sha256(_canonical(body)).hexdigest()})


def _body(manifest: Manifest) -> dict[str, Any]:
    body = asdict(manifest)
    del body["sha256"]
    body["day"] = manifest.day.isoformat()
    body["created_at"] = manifest.created_at.isoformat()
    body["released"]["created_at"] = manifest.released.created_at.isoformat()
    return body


def _canonical(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _decoded(body: dict[str, Any], digest: str) -> Manifest:
    released: dict[str, Any] = {**body["released"]}
    released["created_at"] = datetime.fromisoformat(released["created_at"])
    decoded: dict[str, Any] = {
        **body,
        "day": date.fromisoformat(body["day"]),
        "created_at": datetime.fromisoformat(body["created_at"]),
        "released": Release(**released),
        "tables": {key: _decoded_table(table) for key, table in body["tables"].items()},
        "sha256": digest,
    }
    return Manifest(**decoded)


def _decoded_table(table: dict[str, Any]) -> StoredTable:
    decoded: dict[str, Any] = {
        **table,
        "files": tuple(StoredFile(**file) for file in table["files"]),
        "partition_by": tuple(table["partition_by"]),
    }
    return StoredTable(**decoded)
