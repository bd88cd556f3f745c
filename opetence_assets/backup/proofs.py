"""What was read back or restored, when, and how long it took: a backup without a proof counts as unproven.

A proof is a small file that is never changed, named by copy, zone, partition, revision and a digest of the copy's
address: a copy that moved is unproven where it is now. It notes the manifest's hash, and lives as long as its partition
in that copy; what drills found is history and stays.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from opetence_assets.backup.manifests import FOLDER as MANIFESTS
from opetence_assets.backup.objects import let_go
from opetence_assets.lake.places import Lake, listing, put_new, read

FOLDER = "proofs"
READ, RESTORED = "read", "restored"


@dataclass(frozen=True)
class Proof:
    """One proof.

    Attributes:
        address: where the copy was, without credentials.
        kind: ``read`` (every byte as recorded) or ``restored``.
        manifest: path of the manifest that it is about; ``sha256`` is its hash.
        facts: seconds, bytes, rows … as the prover measured them.
    """

    copy: str
    address: str
    manifest: str
    sha256: str
    kind: str
    at: datetime
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


def prove(store: Lake, proof: Proof) -> None:
    """Keeps a proof, durably."""
    body = asdict(proof) | {"at": proof.at.isoformat()}
    put_new(store, _path(proof), (json.dumps(body, sort_keys=True, default=str) + "\n").encode())


def proven(store: Lake, copy: str, address: str, *kinds: str) -> set[str]:
    """The paths of all manifests that a proof (of one of these kinds) is about in a copy at its address; a listing."""
    found = (path.split("/") for path in listing(store, f"{FOLDER}/{copy}"))
    wanted = {(kind, _digest(address)) for kind in kinds}
    return {
        f"{MANIFESTS}/{zone}/{partition}/{name[:6]}.json"
        for *_, zone, partition, name in found
        if tuple(name.split("-")[1:3]) in wanted
    }


def forgotten(store: Lake, copy: str, partitions: Sequence[tuple[str, str]]) -> None:
    """Deletes the proofs of partitions (zone, partition) that a copy is about to let go.

    Before, not after: nobody would come back for them once the partition is gone.
    """
    for zone, partition in partitions:
        let_go(store, listing(store, f"{FOLDER}/{copy}/{zone}/{partition}"))


def last_proof(store: Lake, copy: str, address: str, zone: str, kind: str) -> Proof | None:
    """The newest proof of a kind in a zone of a copy at its address; one listing and one file."""
    paths = [path for path in listing(store, f"{FOLDER}/{copy}/{zone}") if f"-{kind}-{_digest(address)}-" in path]
    return _decoded(read(store, max(paths, key=lambda path: path.rpartition("-")[2]))) if paths else None


def _path(proof: Proof) -> str:
    of = proof.manifest.removeprefix(f"{MANIFESTS}/").removesuffix(".json")
    return f"{FOLDER}/{proof.copy}/{of}-{proof.kind}-{_digest(proof.address)}-{proof.at:%Y%m%dT%H%M%S%f}.json"


def _digest(address: str) -> str:
    return sha256(address.encode()).hexdigest()[:8]


def _decoded(data: bytes) -> Proof:
    body: dict[str, Any] = json.loads(data)
    body["at"] = datetime.fromisoformat(body["at"])
    return Proof(**body)
