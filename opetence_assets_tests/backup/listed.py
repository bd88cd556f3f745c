"""What really lies in a copy, by its files alone: read without the platform's own readers, compared with what must."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from opetence_assets_tests.backup.expected import Of, There


@dataclass
class Records:
    """What was seen when it was made, by manifest: its own hash, and the bytes of each object that it names."""

    hashes: dict[str, str] = field(default_factory=dict[str, str])
    needs: dict[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    whole: set[str] = field(default_factory=set[str])  # objects whose bytes were hashed here

    def seen(self, store: Path, manifest: str) -> Mapping[str, int]:
        """Notes a manifest that was just made; its objects and their bytes."""
        if manifest not in self.needs:
            said = json.loads((store / manifest).read_bytes())
            found = list(_sizes(said["body"]))
            self.hashes[manifest], self.needs[manifest] = said["sha256"], dict(found)
        return self.needs[manifest]


def _sizes(part: Any) -> Iterator[tuple[str, int]]:
    if isinstance(part, dict):
        named: dict[str, Any] = part
        if {"sha256", "bytes"} <= named.keys():
            yield named["sha256"], named["bytes"]
        for one in named.values():
            yield from _sizes(one)
    elif isinstance(part, list):
        for one in part:  # pyright: ignore[reportUnknownVariableType]
            yield from _sizes(one)


def files(folder: Path) -> list[str]:
    """Every file below a folder, whatever it is called."""
    found: list[str] = []
    pending = [str(folder)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    pending.append(entry.path)
                else:
                    found.append(entry.path[len(str(folder)) + 1 :])
    return found


def wrong_in_store(
    folder: Path,
    addresses: Mapping[str, str],
    there: Mapping[str, Mapping[Of, There]],
    records: Records,
    strays: set[str],
) -> list[str]:
    """What is in the store that nobody owns, or is missing; every object is hashed once, when it is new."""
    found = set(files(folder))
    manifests = {path for one in there["store"].values() for path in one.manifests}
    objects = {_object(digest): size for path in manifests for digest, size in records.needs[path].items()}
    wanted = Counter([*manifests, *objects, *strays])
    wanted.update(f"{path.replace('manifests', 'heads', 1)[:-5]}-{records.hashes[path]}" for path in manifests)
    digests = {name: sha256(address.encode()).hexdigest()[:8] for name, address in addresses.items()}
    proofs = [(name, path) for name, held in there.items() for one in held.values() for path in one.proven]
    wanted.update(
        f"{path.replace('manifests', f'proofs/{name}', 1)[:-5]}-read-{digests[name]}" for name, path in proofs
    )
    real = Counter(path.rpartition("-")[0] if path.startswith("proofs/") else path for path in found)
    wrong = _differences("store", wanted, real)
    for path in objects.keys() & found - records.whole:
        records.whole.add(path)
        data = (folder / path).read_bytes()
        if (sha256(data).hexdigest(), len(data)) != (path.rpartition("/")[2], objects[path]):
            wrong.append(f"store: {path} has other bytes")
    return wrong


def wrong_offsite(folder: Path, there: Mapping[Of, There], records: Records, strays: set[str]) -> list[str]:
    """The same of the encrypted copy, whose seals say what its files' bytes are."""
    found = set(files(folder))
    manifests = {path for one in there.values() for path in one.manifests}
    seals = {path.replace("manifests", "seals", 1) for path in manifests}
    objects = {f"{_object(digest)}.age" for path in manifests for digest in records.needs[path]}
    wrong = _differences(
        "offsite", Counter([*seals, *objects, *strays, *(f"{p}.age" for p in manifests)]), Counter(found)
    )
    for seal in seals & found - records.whole:
        records.whole.add(seal)
        said: Mapping[str, Any] = json.loads((folder / seal).read_bytes().partition(b"\n")[2])["files"]
        for name, digest in said.items():
            data = (folder / name).read_bytes() if name in found else b""
            if {"sha256": sha256(data).hexdigest(), "bytes": len(data)} != digest:
                wrong.append(f"offsite: {name} has other bytes than {seal} says")
    return wrong


def _object(digest: str) -> str:
    return f"objects/{digest[:2]}/{digest}"


def _differences(where: str, wanted: Counter[str], real: Counter[str]) -> list[str]:
    lost, orphans = wanted - real, real - wanted
    return [*(f"{where}: lost {path}" for path in lost), *(f"{where}: nobody owns {path}" for path in orphans)]


def wrong_in_restic(repository: Path, password: str, there: Mapping[Of, There], records: Records) -> list[str]:
    """The same of restic's snapshots, as restic itself tells them; what is in one is looked up when it is new."""

    def told(*arguments: str) -> list[Any]:
        command = ["restic", "--no-lock", "--repo", str(repository), "--json", *arguments]
        environment = {**os.environ, "RESTIC_PASSWORD": password}
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    wanted = {path for one in there.values() for path in one.manifests}
    (snapshots,) = told("snapshots")
    real = {tag.removeprefix("manifest:"): one["id"] for one in snapshots for tag in one["tags"] if "manifest:" in tag}
    wrong = _differences("restic", Counter(wanted), Counter(list(real)))
    for path in wanted & real.keys() - records.whole:
        records.whole.add(path)
        listed = {one["path"].lstrip("/"): one["size"] for one in told("ls", real[path]) if one.get("type") == "file"}
        objects = {_object(digest): size for digest, size in records.needs[path].items()}
        if {name: size for name, size in listed.items() if name != path} != objects or path not in listed:
            wrong.append(f"restic: {path} has other files")
    return wrong
