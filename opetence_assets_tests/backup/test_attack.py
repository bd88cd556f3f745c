"""Somebody has the writer's credentials: what was locked is still there, and comes back as of before."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from pyrage import x25519  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]
from tenacity import retry, retry_if_result, stop_after_delay, wait_fixed

from opetence_assets.backup.collection import Collected, collect, copy_missing
from opetence_assets.backup.copies import Copy, copies_of
from opetence_assets.backup.locks import bucket_of, client_of
from opetence_assets.backup.manifests import manifests, put_manifest
from opetence_assets.backup.policy import Policy, read_policy
from opetence_assets.backup.restore import restore
from opetence_assets.lake.places import Lake, deleted, listing, place_at
from opetence_assets.lake.releases import Release
from opetence_assets.settings import read_settings
from opetence_assets_tests.backup.test_restore import same
from opetence_assets_tests.conftest import environment
from opetence_assets_tests.lake.scenarios import back_up


@pytest.fixture
def buckets(bucket: dict[str, str]) -> tuple[Lake, Lake]:
    """Two buckets made with Object Lock: the store's, and the offsite copy's."""
    near, far = (place_at(f"s3://{name}-{uuid4().hex[:8]}/company", bucket) for name in ("near", "far"))
    with closing(client_of(near)) as client:
        for place in (near, far):
            client.create_bucket(Bucket=bucket_of(place)[0], ObjectLockEnabledForBucket=True)
    return near, far


@pytest.fixture
def store(buckets: tuple[Lake, Lake]) -> Lake:
    return buckets[0]


@pytest.fixture
def policy() -> Policy:
    found = read_policy()
    return replace(found, zones={name: found.zones[name] for name in ("bronze", "silver", "gold", "keys")})


@pytest.fixture
def copies(buckets: tuple[Lake, Lake], bucket: dict[str, str], tmp_path: Path, policy: Policy) -> dict[str, Copy]:
    identity = x25519.Identity.generate()
    own = {
        "OPETENCE_BACKUPS": buckets[0].uri,
        "OPETENCE_OFFSITE": buckets[1].uri,
        "OPETENCE_OFFSITE_RECIPIENTS": str(identity.to_public()),
        "OPETENCE_OFFSITE_IDENTITY": str(identity),
        "OPETENCE_OFFSITE_STORAGE_CLASS": "STANDARD_IA",
    }
    return copies_of(read_settings({**environment(tmp_path / "home"), **bucket, **own}), policy)


def attacked(client: Any, place: Lake) -> None:
    """Overwrites one half, deletes the other, and then tries to destroy what is behind it."""
    bucket, prefix = bucket_of(place)
    names = listing(place, "")
    for number, name in enumerate(names):
        if number % 2:
            client.put_object(Bucket=bucket, Key=f"{prefix}{name}", Body=b"pay us")
    deleted(place, names[::2])
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for version in page["Versions"]:
            one = {"Bucket": bucket, "Key": version["Key"], "VersionId": version["VersionId"]}
            if "/proofs/" in version["Key"] or client.get_object(**one)["Body"].read() == b"pay us":
                continue  # the attacker's own
            found = client.head_object(**one)
            assert found["ObjectLockRetainUntilDate"] > datetime.now(UTC) + timedelta(days=5)
            with pytest.raises(ClientError, match="AccessDenied"):
                client.delete_object(**one)


def test_a_locked_copy_survives_whoever_writes_it(
    lake: Lake,
    buckets: tuple[Lake, Lake],
    release: Release,
    keys: Path,
    copies: dict[str, Copy],
    policy: Policy,
    tmp_path: Path,
) -> None:
    store = buckets[0]
    back_up(lake, store, keys)
    now = datetime.now(UTC)
    copy_missing(policy, copies, store, now, done := Collected())
    assert not any(done.damages.values())
    before = datetime.now(UTC) + timedelta(seconds=1)
    held = {name: list(copy.holdings()) for name, copy in copies.items()}
    with closing(client_of(store)) as client:
        a_second_later(client, store, before)
        for place in buckets:
            attacked(client, place)
    for name, copy in copies.items():
        assert set(copy.holdings()) != set(held[name])
        fetched = place_at(str(tmp_path / f"fetched-{name}"))
        copy.fetch(held[name], fetched, before)
        into = place_at(str(tmp_path / f"into-{name}"))
        restore(fetched, into=into, keys_into=tmp_path / f"{name}.sqlite")
        same(lake, into, release)


@retry(retry=retry_if_result(lambda told: not told), wait=wait_fixed(0.05), stop=stop_after_delay(30))
def a_second_later(client: Any, place: Lake, moment: datetime) -> bool:
    """Waits until S3's own clock, which tells times by the second, is past that moment."""
    said = client.head_bucket(Bucket=bucket_of(place)[0])["ResponseMetadata"]["HTTPHeaders"]["date"]
    return parsedate_to_datetime(said) > moment


def test_new_backups_push_no_good_one_out(
    lake: Lake, store: Lake, release: Release, keys: Path, copies: dict[str, Copy], policy: Policy
) -> None:
    """Forged days, half of them of the future, all empty and genuine by their own hash."""
    gold = replace(policy.zones["gold"], keep=replace(policy.zones["gold"].keep, daily=3))
    policy = replace(policy, zones={"gold": gold})
    back_up(lake, store, keys)
    now = datetime.now(UTC)
    copy_missing(policy, copies, store, now, Collected())
    good = [manifest for manifest in manifests(store) if manifest.zone == "gold"]
    for day in range(-3, 6):
        forged = replace(good[0], partition=f"{now + timedelta(days=day):%Y-%m-%d}", revision=7, tables={}, parent=None)
        put_manifest(store, replace(forged, parent_sha256=None))
    copy_missing(policy, copies, store, now, Collected())
    collect(policy, copies, now, Collected(), many=True)
    for copy in copies.values():
        assert ("gold", good[0].partition) in copy.holdings()
    assert good[0] in manifests(store)
