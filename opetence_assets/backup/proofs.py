"""What was read back or restored, when, and how long it took: a backup without a proof counts as unproven.

A proof is a small file that is never changed, named by copy, zone, partition and revision; it notes the manifest's
hash. It lives as long as its partition in that copy; what drills found is history and stays.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from opetence_assets.backup.manifests import FOLDER as MANIFESTS
from opetence_assets.lake.places import Lake, deleted, listing, put_new, read

FOLDER = "proofs"
READ, RESTORED = "read", "restored"


@dataclass(frozen=True)
class Proof:
    """One proof.

    Attributes:
        kind: ``read`` (every byte as recorded) or ``restored``.
        manifest: path of the manifest that it is about; ``sha256`` is its hash.
        facts: seconds, bytes, rows … as the prover measured them.
    """

    copy: str
    manifest: str
    sha256: str
    kind: str
    at: datetime
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


def prove(store: Lake, proof: Proof) -> None:
    """Keeps a proof, durably."""
    body = asdict(proof) | {"at": proof.at.isoformat()}
    put_new(store, _path(proof), (json.dumps(body, sort_keys=True, default=str) + "\n").encode())


def proven(store: Lake, copy: str, *kinds: str) -> set[str]:
    """The paths of all manifests that a proof (of one of these kinds) is about in a copy; a listing, no more."""
    found = (path.split("/") for path in listing(store, f"{FOLDER}/{copy}"))
    return {
        f"{MANIFESTS}/{zone}/{partition}/{name[:6]}.json"
        for *_, zone, partition, name in found
        if not kinds or name.split("-")[1] in kinds
    }


def forgotten(store: Lake, copy: str, partitions: Sequence[tuple[str, str]]) -> None:
    """Deletes the proofs of partitions (zone, partition) that a copy is about to let go.

    Before, not after: nobody would come back for them once the partition is gone.
    """
    for zone, partition in partitions:
        deleted(store, listing(store, f"{FOLDER}/{copy}/{zone}/{partition}"))


def last_proof(store: Lake, copy: str, zone: str, kind: str) -> Proof | None:
    """The newest proof of a kind in a zone of a copy; one listing and one file."""
    paths = [path for path in listing(store, f"{FOLDER}/{copy}/{zone}") if f"-{kind}-" in path]
    return _decoded(read(store, max(paths, key=lambda path: path.rpartition("-")[2]))) if paths else None


def _path(proof: Proof) -> str:
    of = proof.manifest.removeprefix(f"{MANIFESTS}/").removesuffix(".json")
    return f"{FOLDER}/{proof.copy}/{of}-{proof.kind}-{proof.at:%Y%m%dT%H%M%S%f}.json"


def _decoded(data: bytes) -> Proof:
    body: dict[str, Any] = json.loads(data)
    body["at"] = datetime.fromisoformat(body["at"])
    return Proof(**body)
