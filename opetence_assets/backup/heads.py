"""The register of manifests: a file for each, whose name says the manifest's hash, in a folder of its own.

A chain of hashes cannot tell that its newest manifest is gone, nor a lost one in the middle from one that the
collector deleted. The register can: it is written after the manifest and deleted before it, so a kill in between leaves
a manifest that nobody registered, which is no damage, and never the reverse. All it knows is in the names: one listing
reads it.
"""

from __future__ import annotations

from collections.abc import Mapping

from opetence_assets.backup.objects import let_go
from opetence_assets.lake.places import Lake, listing, put_new

FOLDER = "heads"
MANIFESTS = "manifests"

Heads = Mapping[str, set[str]]
"""Path of a manifest → the SHA-256 that was registered; more than one where somebody forged another."""


def head_path(manifest: str, sha256: str) -> str:
    return f"{manifest.replace(MANIFESTS, FOLDER, 1).removesuffix('.json')}-{sha256}"


def heads(store: Lake, zone: str | None = None, partition: str | None = None) -> Heads:
    """What is registered (of a zone, of a partition)."""
    found: dict[str, set[str]] = {}
    for path in listing(store, "/".join(part for part in (FOLDER, zone, partition) if part)):
        name, _, sha256 = path.rpartition("-")
        found.setdefault(f"{name.replace(FOLDER, MANIFESTS, 1)}.json", set()).add(sha256)
    return found


def register(store: Lake, manifest: str, sha256: str) -> None:
    """Notes that a manifest exists, durably; nothing where it is noted already."""
    put_new(store, head_path(manifest, sha256), f"{manifest} {sha256}\n".encode())


def unregister(store: Lake, zone: str, partition: str) -> None:
    """The partition's manifests are about to be deleted."""
    let_go(store, listing(store, f"{FOLDER}/{zone}/{partition}"))
