"""A manifest says what the backup of one zone's partition consists of, file by file, and proves itself unchanged.

It is written last, so a backup exists whole or not at all, and it names the hash of the one before it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from opetence_assets.backup.heads import MANIFESTS as FOLDER
from opetence_assets.backup.heads import Heads, heads, register
from opetence_assets.backup.objects import BackupDamaged
from opetence_assets.lake.places import Lake, listing, put_new, read
from opetence_assets.lake.releases import Release

ENVELOPE = re.compile(rb'\{"body":(?P<body>.+),"sha256":"(?P<sha256>[0-9a-f]{64})"\}')
OBJECT = re.compile(rb'"sha256":"([0-9a-f]{64})"')
PATH = re.compile(rf"{FOLDER}/(?P<zone>\w+)/(?P<partition>\d{{4}}-\d\d-\d\d(T\d\d)?)/(?P<revision>\d{{6}})\.json")


@dataclass(frozen=True)
class StoredBlob:
    """One file that is no table's: its bytes."""

    sha256: str
    bytes: int


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
    """The backup of one partition of one zone.

    Attributes:
        partition: the hour (``2026-11-21T15``), day (``2026-11-21``) or week (its Monday), in UTC.
        revision: 0 for the partition's first, higher where it was backed up again with other content.
        as_of: the moment whose state this is.
        release: number of the release that was backed up, ``released`` has all of it; None where the zone has none.
        tables: by lake key.
        files: what is no table's, by path: the key store, a base backup, small files of the lake.
        facts: what the maker noted of it (plain JSON): log positions, a base backup's parent …
        copied_bytes: bytes that the store did not have yet.
        parent, parent_sha256: the zone's manifest before this one.
        sha256: of everything else in here.
    """

    zone: str
    partition: str
    revision: int
    as_of: datetime
    created_at: datetime
    release: int | None = None
    released: Release | None = None
    tables: Mapping[str, StoredTable] = field(default_factory=dict[str, StoredTable])
    files: Mapping[str, StoredBlob] = field(default_factory=dict[str, StoredBlob])
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    copied_bytes: int = 0
    parent: str | None = None
    parent_sha256: str | None = None
    sha256: str = field(default="", compare=False)

    @property
    def path(self) -> str:
        return f"{FOLDER}/{self.zone}/{self.partition}/{self.revision:06d}.json"

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())

    @property
    def bytes(self) -> int:
        return sum(one.bytes for _, _, one in self.contents())

    @property
    def hashes(self) -> set[str]:
        """Of every object that this backup needs."""
        return {one.sha256 for _, _, one in self.contents()}

    def contents(self) -> Iterator[tuple[str, str, StoredFile | StoredBlob]]:
        """Lake key (the zone where it is no table's), path and record of every file."""
        for key, table in self.tables.items():
            for file in table.files:
                yield key, file.path, file
        for path, blob in self.files.items():
            yield self.zone, path, blob


def manifests(store: Lake, zone: str | None = None, partition: str | None = None) -> list[Manifest]:
    """Every manifest (of a zone, of a partition), newest last.

    Raises:
        BackupDamaged: one of them is not as it was written.
    """
    known = heads(store, zone, partition if zone else None)
    return [read_manifest(store, path, known) for path in manifest_paths(store, zone, partition)]


def manifest_paths(store: Lake, zone: str | None = None, partition: str | None = None) -> list[str]:
    """Their paths, ordered by partition and revision."""
    place = "/".join([FOLDER, *([zone] if zone else ()), *([partition] if zone and partition else ())])
    found = [match for path in listing(store, place) if (match := PATH.fullmatch(path))]
    wanted = [match for match in found if partition in (None, match["partition"])]
    return [match[0] for match in sorted(wanted, key=lambda match: (match["partition"], match["revision"], match[0]))]


def place_of(path: str) -> tuple[str, str]:
    """Zone and partition of a manifest, by its path."""
    _, zone, partition, _ = path.split("/")
    return zone, partition


def newest(store: Lake, paths: Sequence[str]) -> Manifest | None:
    """The last of these manifests that is as it was written; ``verify`` reports those that are not."""
    for path in reversed(paths):
        try:
            return read_manifest(store, path)
        except BackupDamaged:
            continue
    return None


def read_manifest(store: Lake, path: str, known: Heads | None = None) -> Manifest:
    """One manifest, checked against its own hash: of its bytes as they lie there, which costs no second encoding.

    Args:
        known: what is registered, where the caller has it already; a manifest that nobody registered may be read.

    Raises:
        BackupDamaged: a byte of it changed, or it is not the one that was registered.
    """
    body = _body_of(store, path, heads(store, *place_of(path)) if known is None else known)
    try:
        manifest = _decoded(json.loads(body), sha256(body).hexdigest())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupDamaged(f"{path}: found a manifest that cannot be read. Next: opetence backup verify") from error
    if manifest.path != path:
        raise BackupDamaged(f"{path}: found the manifest of {manifest.path}. Next: opetence backup verify")
    return manifest


def _body_of(store: Lake, path: str, known: Heads) -> bytes:
    """What a manifest says, as its own hash and the register have it."""
    whole = ENVELOPE.fullmatch(read(store, path))
    if not whole:
        raise BackupDamaged(f"{path}: found a manifest that cannot be read. Next: opetence backup verify")
    digest = whole["sha256"].decode()
    if sha256(whole["body"]).hexdigest() != digest:
        raise BackupDamaged(f"{path}: found a manifest that differs from its SHA-256. Next: opetence backup verify")
    if known.get(path, {digest}) != {digest}:
        raise BackupDamaged(
            f"{path}: found SHA-256 {digest}; allowed: {', '.join(sorted(known[path]))}, as registered."
            " Next: opetence backup verify"
        )
    return whole["body"]


def mentioned(store: Lake, path: str, known: Heads) -> set[str]:
    """The SHA-256 of every object that a manifest may need, read from its bytes as they lie there.

    Never fewer than it needs, and a fifth of the time of decoding it: the collector reads every manifest each night.

    Raises:
        BackupDamaged: as for ``read_manifest``.
    """
    return {found.decode() for found in OBJECT.findall(_body_of(store, path, known))}


def put_manifest(store: Lake, manifest: Manifest) -> Manifest | None:
    """Writes a manifest, whole and durable, registers it and returns it with its hash; None if that revision exists."""
    body = _canonical(_body(manifest))
    digest = sha256(body).hexdigest()
    written = put_new(store, manifest.path, b'{"body":%b,"sha256":"%b"}' % (body, digest.encode()))
    if not written:
        return None
    register(store, manifest.path, digest)
    return replace(manifest, sha256=digest)


def _body(manifest: Manifest) -> dict[str, Any]:
    body = asdict(manifest)
    del body["sha256"]
    body["as_of"] = manifest.as_of.isoformat()
    body["created_at"] = manifest.created_at.isoformat()
    if manifest.released:
        body["released"]["created_at"] = manifest.released.created_at.isoformat()
    return body


def _canonical(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _decoded(body: dict[str, Any], digest: str) -> Manifest:
    decoded: dict[str, Any] = {
        **body,
        "as_of": datetime.fromisoformat(body["as_of"]),
        "created_at": datetime.fromisoformat(body["created_at"]),
        "released": _decoded_release(body["released"]),
        "tables": {key: _decoded_table(table) for key, table in body["tables"].items()},
        "files": {path: StoredBlob(**blob) for path, blob in body["files"].items()},
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


def _decoded_release(released: dict[str, Any] | None) -> Release | None:
    if released is None:
        return None
    decoded: dict[str, Any] = {**released, "created_at": datetime.fromisoformat(released["created_at"])}
    return Release(**decoded)
