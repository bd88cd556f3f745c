"""The third copy, in another region's archive class: every file encrypted with age before it leaves the machine.

Whoever writes has only the recipients' public keys: they can add, not read. ``age --decrypt`` opens each file without a
line of ours. Objects are COMPLIANCE-locked from their first moment where the bucket has Object Lock. The seal of a
partition is written last and says what bytes the encrypted files have, so that they are checked without the secret key.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opetence_assets.backup.age import decrypted, encrypted, recipient_of
from opetence_assets.backup.copies import Copy, Partition, newest_paths, store_of
from opetence_assets.backup.copy_store import fetched
from opetence_assets.backup.locks import download, lock, put_locked, versions_as_of
from opetence_assets.backup.manifests import FOLDER as MANIFESTS
from opetence_assets.backup.manifests import manifests
from opetence_assets.backup.objects import FOLDER as OBJECTS
from opetence_assets.backup.objects import BackupDamaged, Digest, copied, digest_of, let_go, object_path, unfinished
from opetence_assets.backup.planning import Held
from opetence_assets.backup.policy import CopyRule
from opetence_assets.backup.proofs import READ, RESTORED, forgotten, proven
from opetence_assets.backup.seals import SEALS, opened_seal, seal_path, seal_paths, sealed_files, written
from opetence_assets.backup.thawing import BULK, kept, thawed
from opetence_assets.backup.verify import Damage
from opetence_assets.backup.working import working_in
from opetence_assets.lake.places import Lake, deleted, files_before, listing, place_at, put_new, read, written_at

if TYPE_CHECKING:
    from opetence_assets.settings import Settings

AGE = ".age"
ADDRESS, RECIPIENTS, IDENTITY = "OPETENCE_OFFSITE", "OPETENCE_OFFSITE_RECIPIENTS", "OPETENCE_OFFSITE_IDENTITY"
STORAGE_CLASS = "OPETENCE_OFFSITE_STORAGE_CLASS"


@dataclass(frozen=True)
class _Offsite:
    """Where it is, for whom it is encrypted and, where somebody restores, who may read it; ``scratch`` is for files in
    the clear."""

    place: Lake
    store: Lake
    rule: CopyRule
    storage_class: str
    scratch: Path
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
    offsite = _Offsite(place, store_of(settings), rule, kind, settings.scratch, tuple(recipients), identity)
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
    known = proven(offsite.store, offsite.rule.name, offsite.place.uri, READ, RESTORED)
    made = written_at(offsite.place, SEALS)
    newest = newest_paths(sorted(made))
    found = {of: (made[path], path.replace(SEALS, MANIFESTS, 1)) for of, path in newest.items()}
    return {of: Held(at, path in known, manifest=path) for of, (at, path) in found.items()}


def _partitions(offsite: _Offsite, as_of: datetime | None) -> set[Partition]:
    if as_of is None or offsite.place.is_local:
        return set(newest_paths(seal_paths(offsite.place)))
    versions = versions_as_of(offsite.place, as_of.astimezone(UTC))
    return set(newest_paths([path for path in versions if path.startswith(f"{SEALS}/")]))


def _take(offsite: _Offsite, of: Partition, until: datetime | None) -> int:
    """Encrypts what the place has not yet, then writes the seal; what it has is locked for longer."""
    with working_in(offsite.scratch) as folder:
        return _taken(offsite, of, until, folder)


def _taken(offsite: _Offsite, of: Partition, until: datetime | None, folder: Path) -> int:
    newest = manifests(offsite.store, *of)[-1]
    wanted = [newest.path, *sorted(object_path(digest) for digest in newest.hashes)]
    names = {f"{path}{AGE}" for path in wanted}
    known = sealed_files(offsite.place, of[0], _there(offsite.place, names))
    there = set(known)
    seal: dict[str, Any] = {f"{path}{AGE}": known.get(f"{path}{AGE}") for path in wanted}
    copied_bytes = 0
    for path in wanted:
        name = f"{path}{AGE}"
        if name not in there:
            digest = _encrypted(offsite, folder, path, until)
            seal[name], copied_bytes = {"sha256": digest.sha256, "bytes": digest.bytes}, copied_bytes + digest.bytes
    if until and offsite.rule.lock and not offsite.place.is_local:
        lock(offsite.place, sorted(there & set(seal)), until, offsite.rule.lock)
    file = folder / "seal"
    file.write_bytes(written(newest.path, newest.sha256, seal))
    _put(offsite, seal_path(newest.path), file, until)
    return copied_bytes


def _encrypted(offsite: _Offsite, folder: Path, path: str, until: datetime | None) -> Digest:
    plain, sealed = folder / "plain", folder / "sealed"
    encrypted(_local(offsite.store, path, plain), sealed, offsite.recipients)
    digest = _put(offsite, f"{path}{AGE}", sealed, until)
    for file in (plain, sealed):
        file.unlink(missing_ok=True)
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


def _put(offsite: _Offsite, path: str, file: Path, until: datetime | None) -> Digest:
    here = Lake(str(file.parent))
    if offsite.place.is_local:

        def named(_: Digest, __: Path) -> str:
            return path

        return copied(here, file.name, offsite.place, named)
    digest = digest_of(here, file.name)
    small = path.startswith(SEALS)  # read at each look at the holdings: an archive class would answer after hours
    kind = "STANDARD" if small else offsite.storage_class
    put_locked(offsite.place, path, file, storage_class=kind, until=until, mode=offsite.rule.lock)
    return digest


def _there(place: Lake, names: set[str]) -> set[str]:
    """Those of some objects that are there: a disk is asked for each, S3 tells a thousand at once."""
    if place.is_local:
        return {name for name in names if name.startswith(OBJECTS) and Path(place.address(name)).exists()}
    return names & set(listing(place, OBJECTS))


def _check(offsite: _Offsite, of: Partition, known: Collection[str] = ()) -> list[Damage]:
    """Hashes every encrypted file of a partition against its seal; needs no secret key."""
    path, damages = newest_paths(seal_paths(offsite.place, *of))[of], list[Damage]()
    try:
        seal = opened_seal(path, read(offsite.place, path))
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
    seals = [path for of in partitions for path in seal_paths(offsite.place, *of)]
    let_go(offsite.place, [name for path in seals for name in (path, f"{path.replace(SEALS, MANIFESTS, 1)}{AGE}")])


def _sweep(offsite: _Offsite, before: datetime) -> int:
    seals = (opened_seal(path, read(offsite.place, path)) for path in seal_paths(offsite.place))
    needed = {name for seal in seals for name in seal["files"]}
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
    seals = [path for path in versions if path.startswith(SEALS)] if versions else seal_paths(offsite.place)
    newest = {tuple(path.split("/")[1:3]): path for path in sorted(seals, key=lambda path: path.split("/")[2:])}
    there = set(listing(into, ""))  # checked when it came: another zone's, or before a kill
    files: dict[str, Any] = {}
    with working_in(offsite.scratch) as folder:
        for of in partitions:
            if of not in newest:
                raise BackupDamaged(f"{SEALS}/{'/'.join(of)}: found no seal in {offsite.place.uri}")
            files |= opened_seal(newest[of], _read(offsite, newest[of], versions, folder / "seal"))["files"]
        wanted = [name for name in sorted(files, reverse=True) if name.removesuffix(AGE) not in there]
        thawed(offsite.place, wanted, versions)
        for name in wanted:  # objects first: a manifest comes when all of it is there
            _decrypted(offsite, name, Digest(**files[name]), versions, into, folder)


def _read(offsite: _Offsite, name: str, versions: Mapping[str, str] | None, file: Path) -> bytes:
    if versions is None:
        return read(offsite.place, name)
    download(offsite.place, name, versions[name], file)
    return file.read_bytes()


def _decrypted(
    offsite: _Offsite, name: str, expected: Digest, versions: Mapping[str, str] | None, into: Lake, folder: Path
) -> None:
    if offsite.identity is None:
        raise BackupDamaged(f"{offsite.place.uri}: found no key to open it. Next: set {IDENTITY}, which is in the safe")
    here, sealed, plain, path = Lake(str(folder)), folder / "sealed", folder / "plain", name.removesuffix(AGE)
    if versions:
        download(offsite.place, name, versions[name], sealed)
    else:
        try:
            _copied(offsite.place, name, sealed)
        except FileNotFoundError as error:
            raise BackupDamaged(f"{name}: found no such file in {offsite.place.uri}") from error
    found = digest_of(here, sealed.name)
    if found != expected:  # anybody can encrypt for the recipients: what opens is not yet what was sealed
        raise BackupDamaged(f"{name}: found SHA-256 {found.sha256}; allowed: {expected.sha256}, as its seal says")
    decrypted(sealed, plain, offsite.identity, name)
    if path.startswith(f"{OBJECTS}/"):
        fetched(here, plain.name, path.rpartition("/")[2], into)
    else:
        put_new(into, path, plain.read_bytes())
    plain.unlink()
