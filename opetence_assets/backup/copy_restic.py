"""The second copy, by restic: its own format, its own key, and no line of ours needed to get it back.

A snapshot is one partition: its manifests and objects under the paths they have in the store, so that
``restic restore`` gives a store. Compression stays off, the files are compressed. The password is restic's alone
(``OPETENCE_RESTIC_PASSWORD``): who has the platform's keys cannot open it, who has it cannot write the store.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from opetence_assets.backup.copies import Copy, Partition, store_of
from opetence_assets.backup.copy_store import fetched
from opetence_assets.backup.manifests import FOLDER as MANIFESTS
from opetence_assets.backup.manifests import manifests
from opetence_assets.backup.objects import FOLDER as OBJECTS
from opetence_assets.backup.objects import BackupDamaged, object_path
from opetence_assets.backup.planning import Held
from opetence_assets.backup.policy import CopyRule
from opetence_assets.backup.proofs import READ, RESTORED, forgotten, proven
from opetence_assets.backup.verify import Damage
from opetence_assets.lake.places import Lake, deleted, listing, put_new, read

if TYPE_CHECKING:
    from opetence_assets.settings import Settings

HOST = "opetence"
LOCKED = "already locked"  # what restic says
REPOSITORY, PASSWORD = "OPETENCE_RESTIC_REPOSITORY", "OPETENCE_RESTIC_PASSWORD"


class ResticFailed(Exception):
    """restic is not installed or ended badly; says what it said."""


@dataclass(frozen=True)
class _Repository:
    """A repository and how it is opened; ``mirror`` holds the store's files where the store is not a folder."""

    address: str
    store: Lake
    copy: str
    mirror: Path
    environment: Mapping[str, str] = field(repr=False)


def opened(settings: Settings, rule: CopyRule) -> Copy | None:
    """The repository that the environment names; None where it names none."""
    address = settings.variables.get(REPOSITORY)
    if not address:
        return None
    password = settings.secret(PASSWORD, dataset="backup copy restic")
    # AWS_ and others are restic's own variables for its storage: they come from OPETENCE_RESTIC_*
    own = {name.removeprefix("OPETENCE_RESTIC_"): value for name, value in settings.variables.items()}
    environment = {**os.environ, **own, "RESTIC_PASSWORD": password, "RESTIC_PROGRESS_FPS": "0.1"}
    mirror = settings.scratch / "restic"
    repository = _Repository(address, store_of(settings), rule.name, mirror, environment)
    return Copy(
        rule=rule,
        address=_told(address),
        holdings=partial(_holdings, repository),
        partitions=partial(_partitions, repository),
        take=partial(_take, repository),
        check=partial(_check, repository),
        drop=partial(_drop, repository),
        sweep=partial(_sweep, repository),
        fetch=partial(_fetch, repository),
    )


def _told(address: str) -> str:
    """An address as people may see it: ``rest:https://user:password@host/`` has credentials in it."""
    return re.sub(r"//[^/@]*@", "//", address)


def _holdings(repository: _Repository) -> dict[Partition, Held]:
    known = proven(repository.store, repository.copy, _told(repository.address), READ, RESTORED)
    return {
        of: Held(_time(found), found["manifest"] in known, manifest=found["manifest"])
        for of, found in _snapshots(repository).items()
    }


def _partitions(repository: _Repository, as_of: datetime | None) -> set[Partition]:
    return {_of(one) for one in _all(repository) if as_of is None or _time(one) <= as_of}


def _take(repository: _Repository, of: Partition, until: datetime | None) -> int:
    """One snapshot of the partition's files; those that restic has are compared by name, size and time alone."""
    del until  # restic has no lock of its own: the repository's storage may have one
    if not _exists(repository):
        _restic(repository, "init", "--repository-version", "2")
    store = repository.store
    newest = manifests(store, *of)[-1]
    paths = [newest.path, *sorted(object_path(digest) for digest in newest.hashes)]
    folder = Path(store.uri) if store.is_local else _mirrored(repository, paths)
    before = [one["id"] for one in sorted(_all(repository), key=_time) if _of(one)[0] == of[0]]
    parent = ["--parent", before[-1]] if before else []
    with TemporaryDirectory() as scratch:
        files = Path(scratch) / "files"
        files.write_bytes(b"".join(path.encode() + b"\0" for path in paths))
        tags = ",".join([HOST, f"zone:{of[0]}", f"partition:{of[1]}", f"manifest:{newest.path}"])
        told = ["--files-from-raw", str(files), "--host", HOST, "--tag", tags, "--compression", "off", *parent]
        output = _restic(repository, "backup", "--json", *told, folder=folder)
    summary: dict[str, Any] = json.loads(output.splitlines()[-1])
    return int(summary["data_added"])


def _mirrored(repository: _Repository, paths: Sequence[str]) -> Path:
    """restic reads folders: what the store has on S3 is kept in one, fetched once."""
    here = Lake(str(repository.mirror))
    for path in paths:
        if not (repository.mirror / path).exists():
            if path.startswith(f"{OBJECTS}/"):
                fetched(repository.store, path, path.rpartition("/")[2], here)
            else:
                put_new(here, path, read(repository.store, path))
    return repository.mirror


def _check(repository: _Repository, of: Partition, known: Collection[str] = ()) -> list[Damage]:
    """Reads a snapshot back through restic and hashes every file against the store's manifest.

    Nothing is left out for being known: restic reads a whole snapshot in the time of a few single files.
    """
    del known
    manifest = manifests(repository.store, *of)[-1]
    expected = {manifest.path: "", **{object_path(digest): digest for digest in manifest.hashes}}
    damages: list[Damage] = []
    for path, digest in _hashed(repository, manifest.path):
        if expected.pop(path, digest) not in (digest, ""):
            damages.append(Damage(path, of[0], path, f"found SHA-256 {digest} in restic's snapshot"))
    return damages + [Damage(path, of[0], path, "found no such file in restic's snapshot") for path in expected]


def _hashed(repository: _Repository, manifest: str) -> list[tuple[str, str]]:
    told = ["dump", "latest", "/", "--archive", "tar", "--tag", f"manifest:{manifest}", "--host", HOST]
    command, environment = _command(repository, *told), dict(repository.environment)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    found: list[tuple[str, str]] = []
    with process:
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                files = ((member, archive.extractfile(member)) for member in archive if member.isfile())
                found = [(member.name, _sha256(file)) for member, file in files]
        except tarfile.ReadError as error:  # restic stopped in the middle of it
            raise BackupDamaged(f"restic dump of {manifest}: cut off. Next: restic check --read-data") from error
        _, errors = process.communicate()
    if process.returncode:
        said = errors.decode().strip()[-500:]
        raise BackupDamaged(f"restic dump of {manifest}: {said}. Next: restic check --read-data")
    return found


def _sha256(file: Any) -> str:
    return file_digest(file, "sha256").hexdigest()


def _drop(repository: _Repository, partitions: Sequence[Partition]) -> None:
    forgotten(repository.store, repository.copy, partitions)
    snapshots = [one["id"] for one in _all(repository) if _of(one) in set(partitions)]
    if snapshots:  # its garbage collector knows by its locks what is under way; where nothing went it is not asked
        _restic(repository, "forget", *snapshots, "--prune", "--max-unused", "unlimited", "--quiet")


def _sweep(repository: _Repository, before: datetime) -> int:
    """What nothing needs went with the snapshots that did; the mirror lets go what the store has not any more."""
    del before
    if not repository.store.is_local and repository.mirror.exists():
        mirror = Lake(str(repository.mirror))
        kept = {path for folder in (OBJECTS, MANIFESTS) for path in listing(repository.store, folder)}
        deleted(mirror, [path for path in listing(mirror, "") if path not in kept])
    return 0


def _fetch(repository: _Repository, partitions: Collection[Partition], into: Lake, as_of: datetime | None) -> None:
    wanted = [one for one in _all(repository) if _of(one) in partitions and (not as_of or _time(one) <= as_of)]
    for one in {_of(one): one for one in sorted(wanted, key=_time)}.values():
        _restic(repository, "restore", one["id"], "--target", into.uri)


def _snapshots(repository: _Repository) -> dict[Partition, dict[str, Any]]:
    """The newest snapshot of each partition."""
    return {_of(one): one for one in sorted(_all(repository), key=_time)}


def _all(repository: _Repository) -> list[dict[str, Any]]:
    if not _exists(repository):
        return []
    found: list[dict[str, Any]] = json.loads(_restic(repository, "snapshots", "--json", "--tag", HOST)) or []
    for one in found:
        tags = dict(tag.split(":", 1) for tag in one["tags"] if ":" in tag)
        one |= {"of": (tags["zone"], tags["partition"]), "manifest": tags["manifest"]}
    return found


def _of(snapshot: Mapping[str, Any]) -> Partition:
    return snapshot["of"]


def _time(snapshot: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(snapshot["time"][:19]).replace(tzinfo=UTC)


def _exists(repository: _Repository) -> bool:
    if "://" not in repository.address and ":" not in repository.address:
        return (Path(repository.address) / "config").exists()
    return not _ran(repository, "cat", "config").returncode


def _restic(repository: _Repository, *arguments: str, folder: Path | None = None) -> str:
    done = _ran(repository, *arguments, folder=folder)
    if done.returncode and LOCKED in done.stderr:  # by one that was killed, perhaps: only such a lock is taken away
        _ran(repository, "unlock")
        done = _ran(repository, *arguments, folder=folder)
    if done.returncode:
        said = done.stderr.strip()[-800:]
        raise ResticFailed(f"restic {arguments[0]} of {_told(repository.address)}: {said}. Next: docs/guide/backups.md")
    return done.stdout


def _ran(repository: _Repository, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = _command(repository, *arguments)
    return subprocess.run(command, capture_output=True, text=True, env=dict(repository.environment), cwd=folder)


def _command(repository: _Repository, *arguments: str) -> list[str]:
    binary = shutil.which("restic")
    if binary is None:
        raise ResticFailed("found no restic; allowed: 0.14 or later. Next: apt-get install restic")
    return [binary, "--repo", repository.address, *arguments]
