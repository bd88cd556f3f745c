"""The copies of a backup, each behind the same few functions: the store beside the lake, restic, and offsite.

A copy knows which partitions it has, takes one from the store, reads one back, lets one go, and lays partitions out as
a store again, from which everything is restored. The policy names the copies; the environment says where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from opetence_assets.backup.planning import Held
from opetence_assets.backup.policy import FILE, CopyRule, Policy, PolicyRefused, read_policy
from opetence_assets.backup.verify import Damage
from opetence_assets.lake.places import Lake, place_at

if TYPE_CHECKING:
    from opetence_assets.dataset import Dataset
    from opetence_assets.settings import Settings

Partition = tuple[str, str]
"""Zone and partition."""


@dataclass(frozen=True)
class Copy:
    """One copy.

    Attributes:
        address: where it is, for people; no credentials.
        holdings: what it has.
        partitions: what it had at a moment (None: has), without asking the store: an empty machine has none.
        take: takes a partition's newest revision from the store, locked until a moment; returns the bytes written.
        check: reads a partition back, less the objects (SHA-256) that are known to be whole; what is damaged.
        drop: lets partitions go; what only they needed goes with ``sweep``.
        sweep: frees what no partition needs and nobody is writing any more; returns bytes.
        fetch: lays partitions out as a store, as the copy was at a moment (None: as it is).
    """

    rule: CopyRule
    address: str
    holdings: Callable[[], Mapping[Partition, Held]]
    partitions: Callable[[datetime | None], Collection[Partition]]
    take: Callable[[Partition, datetime | None], int]
    check: Callable[[Partition, Collection[str]], list[Damage]]
    drop: Callable[[Sequence[Partition]], None]
    sweep: Callable[[datetime], int]
    fetch: Callable[[Collection[Partition], Lake, datetime | None], None]


def store_of(settings: Settings) -> Lake:
    """The first copy: where backups are made."""
    return place_at(settings.backups, settings.storage_options)


def policy_for(settings: Settings, datasets: Sequence[Dataset] = ()) -> Policy:
    """The policy of this installation: the package's, or the file that ``OPETENCE_BACKUP_POLICY`` names.

    Raises:
        PolicyRefused: it contradicts itself, or what a dataset asks for.
    """
    named = settings.variables.get("OPETENCE_BACKUP_POLICY")
    return read_policy(Path(named) if named else FILE, datasets)


def copies_of(settings: Settings, policy: Policy) -> dict[str, Copy]:
    """The copies that the environment says where to find; in production all of the policy's.

    Raises:
        PolicyRefused: the policy names a copy that is not known, or production lacks one.
    """
    found = {name: copy for name in policy.copies if (copy := copy_of(settings, policy, name))}
    missing = sorted(set(policy.copies) - set(found))
    if missing and settings.environment == "production":
        raise PolicyRefused(f"found no address of the copies {', '.join(missing)}. Next: docs/guide/backups.md")
    return found


def copy_of(settings: Settings, policy: Policy, name: str) -> Copy | None:
    """One copy, whatever is known of the others; None where the environment does not say where it is.

    Raises:
        PolicyRefused: there is none of this name.
    """
    from opetence_assets.backup import copy_offsite, copy_restic, copy_store

    known = {"store": copy_store.opened, "restic": copy_restic.opened, "offsite": copy_offsite.opened}
    if name not in known or name not in policy.copies:
        raise PolicyRefused(f"found the copy {name}; allowed: {', '.join(known)}, as the policy names them")
    return known[name](settings, policy.copies[name])


def out_of_reach() -> tuple[type[Exception], ...]:
    """What a copy raises that cannot be reached or is not as it must be: the disk's, restic's and S3's errors, ours."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
    from obstore.exceptions import BaseError

    from opetence_assets.backup.copy_restic import ResticFailed
    from opetence_assets.backup.objects import BackupDamaged
    from opetence_assets.lake.places import LakeError

    ours = (ResticFailed, BackupDamaged, LakeError)
    return (OSError, *ours, BaseError, Boto3Error, BotoCoreError, ClientError)


def newest_paths(paths: Sequence[str]) -> dict[Partition, str]:
    """The path of each partition's newest revision, of manifests in order."""
    from opetence_assets.backup.manifests import place_of

    return {place_of(path): path for path in paths}
