"""Reads every byte of the backups against the hashes they were recorded with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from opetence_assets.backup.heads import heads
from opetence_assets.backup.manifests import Manifest, manifest_paths, read_manifest
from opetence_assets.backup.objects import SIDE_BY_SIDE, BackupDamaged, Digest, digest_of, object_path
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
    due = [one for one in expected if one[0] not in known]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found_out = pool.map(partial(_damage, store), due)
        for one, what in zip(told("files read", due, tell), found_out, strict=True):
            if what:
                damages += [Damage(object_path(one[0]), table, file, what) for table, file in sorted(expected[one])]
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


def _damage(store: Lake, hash_and_bytes: tuple[str, int]) -> str | None:
    expected = Digest(*hash_and_bytes)
    try:
        found = digest_of(store, object_path(expected.sha256))
    except FileNotFoundError:
        return "found no such object"
    except OSError as error:
        if not store.is_local:  # S3 out of reach is no damage
            raise
        return f"cannot be read: {error.strerror}"
    if found.bytes != expected.bytes:
        return f"found {found.bytes:,} bytes; allowed: {expected.bytes:,}"
    return None if found == expected else f"found SHA-256 {found.sha256}; allowed: {expected.sha256}"
