"""Object Lock on S3: what is locked nobody deletes or shortens before its day, whatever credentials they have.

GOVERNANCE can be lifted by whoever has a permission of its own for it, COMPLIANCE by nobody, not the account's owner.
A delete of a locked object only hides it: its versions stay, and ``as_of`` reads them. A folder cannot be locked.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from opetence_assets.lake.places import Lake, LakeError

SIDE_BY_SIDE = 16  # requests at once: each is a round trip


def client_of(place: Lake) -> Any:
    """boto3's client of a place on S3, with the place's own credentials; the caller closes it."""
    import boto3

    named = {"AWS_ACCESS_KEY_ID": "aws_access_key_id", "AWS_SECRET_ACCESS_KEY": "aws_secret_access_key"}
    named |= {"AWS_SESSION_TOKEN": "aws_session_token", "AWS_ENDPOINT_URL": "endpoint_url", "AWS_REGION": "region_name"}
    options: dict[str, Any] = {named[name]: value for name, value in place.options.items() if name in named}
    return boto3.client("s3", **options)


def bucket_of(place: Lake) -> tuple[str, str]:
    """Bucket and prefix (with its slash, or empty)."""
    bucket, _, prefix = place.uri.removeprefix("s3://").partition("/")
    return bucket, f"{prefix}/" if prefix else ""


def lock(place: Lake, paths: Iterable[str], until: datetime, mode: str) -> int:
    """Locks objects until a moment, never for less than they are locked already; how many locks were set or extended.

    On a local place it does nothing: copy 2 and 3 are for that.

    Raises:
        LakeError: the bucket was made without Object Lock.
    """
    if place.is_local:
        return 0
    bucket, prefix = bucket_of(place)
    with closing(client_of(place)) as client, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        locked = partial(_locked, client, bucket, until=until, mode=mode.upper())
        return sum(pool.map(locked, [f"{prefix}{path}" for path in paths]))


def _locked(client: Any, bucket: str, key: str, *, until: datetime, mode: str) -> int:
    from botocore.exceptions import ClientError

    found = client.head_object(Bucket=bucket, Key=key).get("ObjectLockRetainUntilDate")
    if found and found >= until.replace(microsecond=0):
        return 0
    retention = {"Mode": mode, "RetainUntilDate": until}
    try:
        client.put_object_retention(Bucket=bucket, Key=key, Retention=retention)
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidRequest":
            raise
        raise LakeError(
            f"s3://{bucket}: found a bucket without Object Lock; allowed: one made with it, as the policy says."
            " Next: docs/guide/backups.md"
        ) from error
    return 1


def put_locked(
    place: Lake, path: str, file: Path, *, storage_class: str, until: datetime | None, mode: str | None
) -> None:
    """Uploads a file in a storage class, locked from its first moment; S3 compares what arrived with its checksum."""
    bucket, prefix = bucket_of(place)
    extra: dict[str, Any] = {"StorageClass": storage_class, "ChecksumAlgorithm": "SHA256"}
    if until and mode:
        extra |= {"ObjectLockMode": mode.upper(), "ObjectLockRetainUntilDate": until}
    with closing(client_of(place)) as client:
        client.upload_file(str(file), bucket, f"{prefix}{path}", ExtraArgs=extra)


def versions_as_of(place: Lake, moment: datetime) -> dict[str, str]:
    """Path → version id of every object as it was at a moment: what was overwritten or deleted since is still there."""
    bucket, prefix = bucket_of(place)
    newest: dict[str, tuple[datetime, str | None]] = {}
    with closing(client_of(place)) as client:
        for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            versions = [(one, one["VersionId"]) for one in page.get("Versions", ())]
            markers = [(one, None) for one in page.get("DeleteMarkers", ())]
            for one, version in (*versions, *markers):
                at, path = one["LastModified"], one["Key"].removeprefix(prefix)
                if at <= moment and (path not in newest or newest[path][0] < at):
                    newest[path] = (at, version)
    return {path: version for path, (_, version) in newest.items() if version}


def download(place: Lake, path: str, version: str, to: Path) -> None:
    """One version of an object into a local file."""
    bucket, prefix = bucket_of(place)
    with closing(client_of(place)) as client:
        client.download_file(bucket, f"{prefix}{path}", str(to), ExtraArgs={"VersionId": version})
