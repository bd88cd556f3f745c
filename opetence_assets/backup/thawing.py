"""Objects in an archive class of S3 are asked for before they can be read: hours, and some money.

A folder has no such thing, nor have the classes that answer at once.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

from opetence_assets.backup.locks import SIDE_BY_SIDE, bucket_of, client_of
from opetence_assets.lake.places import Lake

DAYS = 14  # that what was asked for stays readable: a restore, and another one
# Class → hours that S3 names as the most, dollars a GB and dollars a thousand requests, all for its bulk tier (list
# price of us-east-1, 2026): an estimate, for a person to decide by.
BULK = {"GLACIER": (12, 0.0, 0.025), "DEEP_ARCHIVE": (48, 0.0025, 0.025)}


class StillFrozen(Exception):
    """Objects cannot be read yet; all were asked for. Says how long that takes (``hours``) and what it costs."""

    def __init__(self, told: str, hours: int) -> None:
        super().__init__(told)
        self.hours = hours


@dataclass(frozen=True)
class Kept:
    """An object as S3 keeps it.

    Attributes:
        sha256: what S3 computed when it arrived; None where it came in parts.
        frozen: it must be asked for; ``asked`` if somebody did.
    """

    path: str
    bytes: int
    storage_class: str
    sha256: str | None
    frozen: bool
    asked: bool


def kept(place: Lake, paths: Collection[str], versions: Mapping[str, str] | None = None) -> list[Kept]:
    """How S3 keeps these objects (or these versions of them); those that are missing are left out."""
    bucket, prefix = bucket_of(place)
    with closing(client_of(place)) as client, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        look = partial(_kept, client, bucket, prefix, versions or {})
        return [one for one in pool.map(look, sorted(paths)) if one]


def _kept(client: Any, bucket: str, prefix: str, versions: Mapping[str, str], path: str) -> Kept | None:
    from botocore.exceptions import ClientError

    try:
        found = client.head_object(
            Bucket=bucket, Key=f"{prefix}{path}", ChecksumMode="ENABLED", **_version(versions, path)
        )
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise
    kind, restored = found.get("StorageClass", "STANDARD"), found.get("Restore", "")
    checksum = found.get("ChecksumSHA256", "-")
    return Kept(
        path,
        found["ContentLength"],
        kind,
        None if "-" in checksum else base64.b64decode(checksum).hex(),
        frozen=kind in BULK and 'ongoing-request="false"' not in restored,
        asked="ongoing-request" in restored,
    )


def thawed(place: Lake, paths: Collection[str], versions: Mapping[str, str] | None = None) -> None:
    """Returns if all of them can be read, else asks for those that cannot.

    Raises:
        StillFrozen: some cannot be read yet.
    """
    if place.is_local:
        return
    frozen = [one for one in kept(place, paths, versions) if one.frozen]
    if not frozen:
        return
    bucket, prefix = bucket_of(place)
    wish = {"Days": DAYS, "GlacierJobParameters": {"Tier": "Bulk"}}
    with closing(client_of(place)) as client:
        for one in (one for one in frozen if not one.asked):
            key = {"Bucket": bucket, "Key": f"{prefix}{one.path}", **_version(versions or {}, one.path)}
            client.restore_object(**key, RestoreRequest=wish)
    hours, dollars = estimate(frozen)
    raise StillFrozen(
        f"{place.uri}: found {len(frozen)} objects ({sum(one.bytes for one in frozen) / 1e9:,.3f} GB) in"
        f" {', '.join(sorted({one.storage_class for one in frozen}))}; they were asked for: up to {hours} hours, about"
        f" ${dollars:,.2f}, readable for {DAYS} days then. Next: the same command again, or with --wait",
        hours,
    )


def estimate(frozen: Collection[Kept]) -> tuple[int, float]:
    """Hours at most, and dollars, to make them readable."""
    hours = max((BULK[one.storage_class][0] for one in frozen), default=0)
    by_size = sum(one.bytes / 1e9 * BULK[one.storage_class][1] for one in frozen)
    return hours, by_size + sum(BULK[one.storage_class][2] / 1000 for one in frozen)


def _version(versions: Mapping[str, str], path: str) -> dict[str, str]:
    return {"VersionId": versions[path]} if path in versions else {}
