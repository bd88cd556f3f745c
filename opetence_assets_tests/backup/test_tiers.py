"""The bucket's own rules move what is old; what is frozen is asked for, told of, and read when it is there."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from pyrage import x25519  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]

from opetence_assets.backup.collection import Collected, copy_missing
from opetence_assets.backup.copies import copies_of
from opetence_assets.backup.drawing import asked_for, drawn
from opetence_assets.backup.drills import Drilled, drill, overdue, unproven
from opetence_assets.backup.gathering import Asked, from_copy
from opetence_assets.backup.locks import bucket_of, client_of
from opetence_assets.backup.manifests import Manifest
from opetence_assets.backup.policy import Tier, contradictions, read_policy
from opetence_assets.backup.proofs import RESTORED, proven
from opetence_assets.backup.restore import restore
from opetence_assets.backup.thawing import StillFrozen, estimate, kept
from opetence_assets.backup.tiers import applied
from opetence_assets.lake.places import Lake, listing, place_at
from opetence_assets.lake.releases import Release
from opetence_assets.settings import read_settings
from opetence_assets_tests.backup.test_restore import same
from opetence_assets_tests.conftest import environment
from opetence_assets_tests.lake.scenarios import back_up


@pytest.fixture
def far(bucket: dict[str, str]) -> Lake:
    place = place_at(f"s3://far-{uuid4().hex[:8]}/company", bucket)
    with closing(client_of(place)) as client:
        client.create_bucket(Bucket=bucket_of(place)[0])
    return place


def test_the_buckets_rules_are_the_policys_and_others_stay(far: Lake) -> None:
    policy = read_policy()
    others = {"ID": "logs", "Filter": {"Prefix": "logs/"}, "Status": "Enabled", "Expiration": {"Days": 9}}
    with closing(client_of(far)) as client:
        bucket = bucket_of(far)[0]
        client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [others]})
        applied(policy, far)
        applied(policy, far)
        rules = {rule["ID"]: rule for rule in client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]}
    assert set(rules) == {"logs", "opetence-tiers", "opetence-hidden"}
    assert rules["opetence-tiers"]["Filter"] == {"Prefix": "company/objects/"}
    assert [(one["Days"], one["StorageClass"]) for one in rules["opetence-tiers"]["Transitions"]] == [
        (7, "INTELLIGENT_TIERING"),
        (90, "GLACIER_IR"),
    ]


def test_the_store_stays_readable() -> None:
    frozen = replace(read_policy(), tiers=(Tier("cold", 90, "GLACIER"),))
    assert [told for told in contradictions(frozen) if "cold is GLACIER" in told]


def test_a_frozen_copy_is_checked_asked_for_and_restored(
    lake: Lake, store: Lake, release: Release, keys: Path, far: Lake, bucket: dict[str, str], tmp_path: Path
) -> None:
    identity = x25519.Identity.generate()
    own = {"OPETENCE_OFFSITE": far.uri, "OPETENCE_OFFSITE_IDENTITY": str(identity), "OPETENCE_BACKUPS": store.uri}
    found = read_policy()
    zones = {name: replace(found.zones[name], locked={}) for name in ("bronze", "silver", "gold", "keys")}
    policy = replace(found, zones=zones)
    copies = copies_of(read_settings({**environment(tmp_path / "home"), **bucket, **own}), policy)
    copy = copies["offsite"]
    back_up(lake, store, keys)
    copy_missing(policy, copies, store, datetime.now(UTC), done := Collected())
    assert not any(done.damages.values())  # by what S3 says of them: they cannot be read
    frozen = kept(far, listing(far, "objects"))
    assert all(one.frozen and one.storage_class == "DEEP_ARCHIVE" for one in frozen)
    hours, dollars = estimate(frozen)
    assert hours == 48
    assert 0 < dollars < 0.01
    gathered = place_at(str(tmp_path / "gathered"))
    now, rng = datetime.now(UTC), random.Random(0)

    def judge(_: Lake, __: str) -> list[str]:
        return []

    def drilled(chosen: Sequence[Manifest]) -> Drilled:
        scratch = tmp_path / "scratch"
        return drill("zone", copy, chosen, original=lake, store=store, scratch=scratch, now=now, judge=judge)

    first = drilled(drawn("zone", store, copy, rng)[0])
    assert first.wrong == ()
    assert first.asked_until == now + timedelta(hours=48)
    assert "comes back by" in (unproven(first) or "")
    assert proven(store, "offsite", copy.address, RESTORED) == set()
    assert (asked := asked_for(store, "zone"))
    assert (asked.asked_until, overdue(store, "zone", now)) == (first.asked_until, None)
    now += timedelta(hours=49)
    again = drilled(drawn("zone", store, copy, rng)[0])
    assert (again.partitions, again.wrong, again.proves) == (first.partitions, (), True)
    assert asked_for(store, "zone") is None
    with pytest.raises(StillFrozen, match="up to 48 hours"):
        from_copy(copy, gathered, Asked(), None)
    assert not any(one.frozen for one in kept(far, listing(far, "objects")))
    into = place_at(str(tmp_path / "into"))
    restore(gathered, from_copy(copy, gathered, Asked(), None), into=into, keys_into=tmp_path / "again.sqlite")
    same(lake, into, release)
    with closing(client_of(far)) as client:
        bucket_name, prefix = bucket_of(far)
        client.put_object(
            Bucket=bucket_name, Key=f"{prefix}{frozen[0].path}", Body=b"other", StorageClass="DEEP_ARCHIVE"
        )
    assert [one for of in copy.holdings() for one in copy.check(of, ())]
