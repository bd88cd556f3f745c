"""Reads every byte of the backups against the hashes they were recorded with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from opetence_assets.backup.heads import heads
from opetence_assets.backup.manifests import Manifest, manifest_paths, read_manifest
from opetence_assets.backup.objects import BackupDamaged, Digest, digest_of, object_path
from opetence_assets.backup.telling import Tell, quiet, told
from opetence_assets.lake.places import Lake


@dataclass(frozen=True)
class Damage:
    """One thing that is not as recorded.

    Attributes:
        path: the object or manifest in the store.
        table: lake key of the table it belongs to, the zone where it is no table's, "" for a manifest.
        file: the file in the table or zone, "" where there is none.
        what: what was found and what is allowed.
    """

    path: str
    table: str
    file: str
    what: str


def verify(
    store: Lake, manifest: Manifest | None = None, known: Collection[str] = (), *, tell: Tell = quiet
) -> list[Damage]:
    """What is damaged in one backup, or (None) in all of them; empty if every byte is as recorded.

    Objects whose SHA-256 is ``known`` were read elsewhere and are not read again.

    Finds flipped bytes, truncated and missing objects, and manifests that were changed, replaced or lost.
    Each object is read once, however many backups share it.
    """
    damages: list[Damage] = []
    found = [manifest] if manifest else _readable(store, damages)
    hashes = {one.path: one.sha256 for one in found}
    for one in found:
        if one.parent in hashes and hashes[one.parent] != one.parent_sha256:
            damages.append(Damage(one.parent, "", "", f"found another manifest than {one.path} was made after"))
    expected: dict[tuple[str, int], set[tuple[str, str]]] = defaultdict(set)
    for table, file, stored in (content for one in found for content in one.contents()):
        expected[stored.sha256, stored.bytes].add((table, file))
    for (digest, size), owners in told("files read", list(expected.items()), tell):
        if digest in known:
            continue
        what = _damage(store, Digest(digest, size))
        if what:
            damages += [Damage(object_path(digest), table, file, what) for table, file in sorted(owners)]
    return damages


def _readable(store: Lake, damages: list[Damage]) -> list[Manifest]:
    found: list[Manifest] = []
    known, paths = heads(store), manifest_paths(store)
    for path in sorted(known.keys() - set(paths)):
        allowed = ", ".join(sorted(known[path]))
        damages.append(Damage(path, "", "", f"found no such manifest; allowed: SHA-256 {allowed}, as registered"))
    for path in paths:
        try:
            found.append(read_manifest(store, path, known))
        except BackupDamaged as error:
            damages.append(Damage(path, "", "", str(error)))
    return found


def _damage(store: Lake, expected: Digest) -> str | None:
    try:
        found = digest_of(store, object_path(expected.sha256))
    except FileNotFoundError:
        return "found no such object"
    if found.bytes != expected.bytes:
        return f"found {found.bytes:,} bytes; allowed: {expected.bytes:,}"
    return None if found == expected else f"found SHA-256 {found.sha256}; allowed: {expected.sha256}"
