"""Seals of the offsite copy: for each partition what bytes its encrypted files have, so that they are checked unopened.

A seal is written last, in the clear, and begins with its own SHA-256.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from opetence_assets.backup.manifests import FOLDER as MANIFESTS
from opetence_assets.backup.objects import BackupDamaged
from opetence_assets.lake.places import Lake, listing, read

SEALS = "seals"


def seal_path(manifest: str) -> str:
    return manifest.replace(MANIFESTS, SEALS, 1)


def written(manifest: str, digest: str, files: Mapping[str, Any]) -> bytes:
    """A seal as it is written; ``opened_seal`` reads it."""
    said = json.dumps({"manifest": manifest, "sha256": digest, "files": files}, sort_keys=True).encode()
    return sha256(said).hexdigest().encode() + b"\n" + said + b"\n"


def seal_paths(place: Lake, *of: str) -> list[str]:
    """The seals (of a partition), oldest first."""
    return sorted(listing(place, "/".join([SEALS, *of])), key=lambda path: path.split("/")[2:])


def sealed_files(place: Lake, zone: str, names: set[str]) -> dict[str, dict[str, Any]]:
    """What some seal says of encrypted files that are there, the zone's own first, newest first.

    One that no seal names was left by a kill: it is encrypted again, for what it should be is not known.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in (path for of in ([zone], []) for path in reversed(seal_paths(place, *of))):
        if names <= found.keys():
            break
        try:
            files = opened_seal(path, read(place, path))["files"]
        except BackupDamaged:  # ``check`` reports it
            continue
        found |= {name: files[name] for name in names & files.keys() - found.keys()}
    return found


def opened_seal(path: str, data: bytes) -> dict[str, Any]:
    """What a seal says; it begins with the SHA-256 of the rest.

    Raises:
        BackupDamaged: a byte of it changed, or it is another partition's.
    """
    digest, _, said = data.partition(b"\n")
    if sha256(said.removesuffix(b"\n")).hexdigest().encode() != digest or not data.endswith(b"\n"):
        raise BackupDamaged(f"{path}: found a seal that differs from its SHA-256. Next: opetence backup verify")
    seal: dict[str, Any] = json.loads(said)
    if seal_path(seal["manifest"]) != path:
        raise BackupDamaged(f"{path}: found the seal of {seal['manifest']}. Next: opetence backup verify")
    return seal
