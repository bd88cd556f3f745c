"""The third copy, in another region's archive class: every file encrypted with age before it leaves the machine.

Whoever writes has only the recipients' public keys: they can add, not read. ``age --decrypt`` opens each file without a
line of ours. Objects are COMPLIANCE-locked from their first moment where the bucket has Object Lock. The seal of a
partition is written last and says what bytes the encrypted files have, so that they are checked without the secret key.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from opetence_assets.backup.age import decrypted, encrypted, recipient_of
from opetence_assets.backup.copies import Copy, Partition, newest_paths, store_of
from opetence_assets.backup.copy_store import fetched
from opetence_assets.backup.locks import download, lock, put_locked, versions_as_of
from opetence_assets.backup.manifests import FOLDER as MANIFESTS
from opetence_assets.backup.manifests import manifests
from opetence_assets.backup.objects import FOLDER as OBJECTS
from opetence_assets.backup.objects import BackupDamaged, Digest, copied, digest_of, object_path, unfinished
from opetence_assets.backup.planning import Held
from opetence_assets.backup.policy import CopyRule
from opetence_assets.backup.proofs import READ, RESTORED, forgotten, proven
from opetence_assets.backup.thawing import BULK, kept, thawed
from opetence_assets.backup.verify import Damage
from opetence_assets.lake.places import Lake, deleted, files_before, listing, place_at, put_new, read, written_at

if TYPE_CHECKING:
    from opetence_assets.settings import Settings

SEALS = "seals"
AGE = ".age"
ADDRESS, RECIPIENTS, IDENTITY = "OPETENCE_OFFSITE", "OPETENCE_OFFSITE_RECIPIENTS", "OPETENCE_OFFSITE_IDENTITY"
STORAGE_CLASS = "OPETENCE_OFFSITE_STORAGE_CLASS"


@dataclass(frozen=True)
class _Offsite:
    """Where it is, for whom it is encrypted and, where somebody restores, who may read it."""

    place: Lake
    store: Lake
    rule: CopyRule
    storage_class: str
    recipients: tuple[str, ...]
    identity: str | None = field(repr=False)


def opened(settings: Settings, rule: CopyRule) -> Copy | None:
    """The place that the environment names; None where it names none."""
    address = settings.variables.get(ADDRESS)
    if not address:
        return None
    own = {
        n.removeprefix("OPETENCE_OFFSITE_"): v for n, v in settings.variables.items() if n.startswith(f"{ADDRESS}_AWS_")
    }
    identity = settings.variables.get(IDENTITY)
    if identity and not settings.variables.get(RECIPIENTS):  # who restores on an empty machine has the key alone
        recipients = [recipient_of(identity)]
    else:
        recipients = settings.secret(RECIPIENTS, dataset="backup copy offsite").split(",")
    place = place_at(address, {**settings.storage_options, **own})
    kind = settings.variables.get(STORAGE_CLASS, "DEEP_ARCHIVE")
    offsite = _Offsite(place, store_of(settings), rule, kind, tuple(recipients), identity)
    return Copy(
        rule=rule,
        address=place.uri,
        holdings=partial(_holdings, offsite),
        partitions=partial(_partitions, offsite),
        take=partial(_take, offsite),
        check=partial(_check, offsite),
        drop=partial(_drop, offsite),
        sweep=partial(_sweep, offsite),
        fetch=partial(_fetch, offsite),
    )


def _holdings(offsite: _Offsite) -> dict[Partition, Held]:
    known = proven(offsite.store, offsite.rule.name, READ, RESTORED)
    made, newest = written_at(offsite.place, SEALS), newest_paths(_seals(offsite))
    found = {of: (made[path], path.replace(SEALS, MANIFESTS, 1)) for of, path in newest.items()}
    return {of: Held(at, path in known, manifest=path) for of, (at, path) in found.items()}


def _partitions(offsite: _Offsite, as_of: datetime | None) -> set[Partition]:
    if as_of is None or offsite.place.is_local:
        return set(newest_paths(_seals(offsite)))
    versions = versions_as_of(offsite.place, as_of.astimezone(UTC))
    return set(newest_paths([path for path in versions if path.startswith(f"{SEALS}/")]))


def _take(offsite: _Offsite, of: Partition, until: datetime | None) -> int:
    """Encrypts what the place has not yet, then writes the seal; what it has is locked for longer."""
    newest = manifests(offsite.store, *of)[-1]
    wanted = [newest.path, *sorted(object_path(digest) for digest in newest.hashes)]
    names = {f"{path}{AGE}" for path in wanted}
    known = _sealed(offsite, names & set(listing(offsite.place, "objects")))
    there = set(known)
    seal: dict[str, Any] = {f"{path}{AGE}": known.get(f"{path}{AGE}") for path in wanted}
    copied_bytes = 0
    for path in wanted:
        name = f"{path}{AGE}"
        if name not in there:
            digest = _encrypted(offsite, path, until)
            seal[name], copied_bytes = {"sha256": digest.sha256, "bytes": digest.bytes}, copied_bytes + digest.bytes
    if until and offsite.rule.lock and not offsite.place.is_local:
        lock(offsite.place, sorted(there & set(seal)), until, offsite.rule.lock)
    said = json.dumps({"manifest": newest.path, "sha256": newest.sha256, "files": seal}, sort_keys=True).encode()
    body = sha256(said).hexdigest().encode() + b"\n" + said + b"\n"
    with TemporaryDirectory() as folder:
        file = Path(folder) / "seal"
        file.write_bytes(body)
        _put(offsite, newest.path.replace(MANIFESTS, SEALS, 1), file, until)
    return copied_bytes


def _encrypted(offsite: _Offsite, path: str, until: datetime | None) -> Digest:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "file.age"
        encrypted(_local(offsite.store, path, Path(folder) / "file"), file, offsite.recipients)
        digest = digest_of(Lake(folder), file.name)
        _put(offsite, f"{path}{AGE}", file, until)
    return digest


def _local(place: Lake, path: str, otherwise: Path) -> Path:
    """The file itself where the place is a folder, else a copy of it."""
    if place.is_local:
        return Path(place.address(path))
    _copied(place, path, otherwise)
    return otherwise


def _copied(place: Lake, path: str, to: Path) -> None:
    def named(_: Digest, __: Path) -> str:
        return to.name

    copied(place, path, Lake(str(to.parent)), named)


def _put(offsite: _Offsite, path: str, file: Path, until: datetime | None) -> None:
    if offsite.place.is_local:

        def named(_: Digest, __: Path) -> str:
            return path

        copied(Lake(str(file.parent)), file.name, offsite.place, named)
        return
    small = path.startswith(SEALS)  # read at each look at the holdings: an archive class would answer after hours
    kind = "STANDARD" if small else offsite.storage_class
    put_locked(offsite.place, path, file, storage_class=kind, until=until, mode=offsite.rule.lock)


def _seals(offsite: _Offsite) -> list[str]:
    return sorted(listing(offsite.place, SEALS), key=lambda path: path.split("/")[2:])


def _sealed(offsite: _Offsite, names: set[str]) -> dict[str, dict[str, Any]]:
    """What some seal says of encrypted files that are there, newest seals first.

    One that no seal names was left by a kill: it is encrypted again, for what it should be is not known.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in reversed(_seals(offsite)):
        if names <= found.keys():
            break
        try:
            files = _opened(path, read(offsite.place, path))["files"]
        except BackupDamaged:  # ``check`` reports it
            continue
        found |= {name: files[name] for name in names & files.keys() - found.keys()}
    return found


def _opened(path: str, data: bytes) -> dict[str, Any]:
    """What a seal says; it begins with the SHA-256 of the rest.

    Raises:
        BackupDamaged: a byte of it changed, or it is another partition's.
    """
    digest, _, said = data.partition(b"\n")
    if sha256(said.removesuffix(b"\n")).hexdigest().encode() != digest or not data.endswith(b"\n"):
        raise BackupDamaged(f"{path}: found a seal that differs from its SHA-256. Next: opetence backup verify")
    seal: dict[str, Any] = json.loads(said)
    if seal["manifest"].replace(MANIFESTS, SEALS, 1) != path:
        raise BackupDamaged(f"{path}: found the seal of {seal['manifest']}. Next: opetence backup verify")
    return seal


def _check(offsite: _Offsite, of: Partition, known: Collection[str] = ()) -> list[Damage]:
    """Hashes every encrypted file of a partition against its seal; needs no secret key."""
    path, damages = newest_paths(_seals(offsite))[of], list[Damage]()
    try:
        seal = _opened(path, read(offsite.place, path))
    except BackupDamaged as error:
        return [Damage(path, "", "", str(error))]
    unknown = {name: e for name, e in seal["files"].items() if name.removesuffix(AGE).rpartition("/")[2] not in known}
    told = _told(offsite, unknown)
    for name, expected in unknown.items():
        try:
            found = told[name] if name in told else digest_of(offsite.place, name)
        except FileNotFoundError:
            damages.append(Damage(name, of[0], name, "found no such object"))
            continue
        if found != Digest(**expected):
            what = f"found {found.bytes:,} bytes, {found.sha256}; allowed: {expected['bytes']:,}, {expected['sha256']}"
            damages.append(Damage(name, of[0], name, what))
    return damages


def _told(offsite: _Offsite, expected: Mapping[str, Any]) -> dict[str, Digest]:
    """Of what cannot be read for hours, the size and (but where it came in parts) the SHA-256 that S3 itself took."""
    if offsite.place.is_local or offsite.storage_class not in BULK:
        return {}
    frozen = [one for one in kept(offsite.place, expected) if one.frozen]
    return {one.path: Digest(one.sha256 or expected[one.path]["sha256"], one.bytes) for one in frozen}


def _drop(offsite: _Offsite, partitions: Sequence[Partition]) -> None:
    forgotten(offsite.store, offsite.rule.name, partitions)
    seals = [path for path in _seals(offsite) if tuple(path.split("/")[1:3]) in set(partitions)]
    deleted(offsite.place, [name for path in seals for name in (path, f"{path.replace(SEALS, MANIFESTS, 1)}{AGE}")])


def _sweep(offsite: _Offsite, before: datetime) -> int:
    needed = {name for path in _seals(offsite) for name in _opened(path, read(offsite.place, path))["files"]}
    idle = [path for folder in ("objects", MANIFESTS) for path in files_before(offsite.place, folder, before)]
    gone = [path for path in idle if path not in needed]
    deleted(offsite.place, [*gone, *unfinished(offsite.place, before)])
    return len(gone)


def _fetch(offsite: _Offsite, partitions: Collection[Partition], into: Lake, as_of: datetime | None) -> None:
    """Decrypts partitions into a store; each file is compared with the hash that names it.

    Raises:
        StillFrozen: they are in an archive class; all of them were asked for.
    """
    versions = versions_as_of(offsite.place, as_of.astimezone(UTC)) if as_of and not offsite.place.is_local else None
    seals = [path for path in versions if path.startswith(SEALS)] if versions else _seals(offsite)
    newest = {tuple(path.split("/")[1:3]): path for path in sorted(seals, key=lambda path: path.split("/")[2:])}
    there = set(listing(into, ""))  # checked when it came: another zone's, or before a kill
    files: dict[str, Any] = {}
    for of in partitions:
        if of not in newest:
            raise BackupDamaged(f"{SEALS}/{'/'.join(of)}: found no seal in {offsite.place.uri}")
        files |= _opened(newest[of], _read(offsite, newest[of], versions))["files"]
    wanted = [name for name in sorted(files, reverse=True) if name.removesuffix(AGE) not in there]
    thawed(offsite.place, wanted, versions)
    for name in wanted:  # objects first: a manifest comes when all of it is there
        _decrypted(offsite, name, Digest(**files[name]), versions, into, name.removesuffix(AGE))


def _read(offsite: _Offsite, name: str, versions: Mapping[str, str] | None) -> bytes:
    if versions is None:
        return read(offsite.place, name)
    with TemporaryDirectory() as folder:
        download(offsite.place, name, versions[name], Path(folder) / "file")
        return (Path(folder) / "file").read_bytes()


def _decrypted(
    offsite: _Offsite, name: str, expected: Digest, versions: Mapping[str, str] | None, into: Lake, path: str
) -> None:
    if offsite.identity is None:
        raise BackupDamaged(f"{offsite.place.uri}: found no key to open it. Next: set {IDENTITY}, which is in the safe")
    with TemporaryDirectory() as folder:
        sealed, plain = Path(folder) / "sealed", Path(folder) / "plain"
        if versions:
            download(offsite.place, name, versions[name], sealed)
        else:
            try:
                _copied(offsite.place, name, sealed)
            except FileNotFoundError as error:
                raise BackupDamaged(f"{name}: found no such file in {offsite.place.uri}") from error
        found = digest_of(Lake(folder), sealed.name)
        if found != expected:  # anybody can encrypt for the recipients: what opens is not yet what was sealed
            raise BackupDamaged(f"{name}: found SHA-256 {found.sha256}; allowed: {expected.sha256}, as its seal says")
        decrypted(sealed, plain, offsite.identity, name)
        if path.startswith(f"{OBJECTS}/"):
            fetched(Lake(folder), plain.name, path.rpartition("/")[2], into)
        else:
            put_new(into, path, plain.read_bytes())
