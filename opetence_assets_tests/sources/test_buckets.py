"""Files in a bucket: transferred once, each partner below its own prefix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest

from opetence_assets.dataset import DataError
from opetence_assets.datasets.partners.facebook_ads import facebook_ads
from opetence_assets.ingestion.bronze import load
from opetence_assets.ingestion.due import due_days
from opetence_assets.lake.places import Lake
from opetence_assets.settings import Settings

HEADER = "date,campaign_id,campaign_name,impressions,clicks,spend,currency\n"


def day_of(day: str, spend: str = "1.50") -> bytes:
    return f"{HEADER}{day},c1,Spring,100,3,{spend},EUR\n".encode()


@pytest.fixture
def client(bucket: dict[str, str]) -> Iterator[Any]:
    client = boto3.client(
        "s3",
        "us-east-1",
        endpoint_url=bucket["AWS_ENDPOINT_URL"],
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    yield client
    client.close()


@pytest.fixture
def dropped(settings: Settings, bucket: dict[str, str]) -> Settings:
    variables = {**settings.variables, "OPETENCE_DROP": "s3://lake/drop/here"}
    return replace(settings, variables=variables, storage_options=bucket)


def put(client: Any, name: str, content: bytes, below: str = "drop/here/facebook_ads/") -> None:
    client.put_object(Bucket="lake", Key=below + name, Body=content)


def test_an_object_is_taken_once_and_not_transferred_again(
    client: Any, dropped: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(client, "facebook_ads_2026-01-01.csv", day_of("2026-01-01"))
    before = facebook_ads.feed.fingerprint(facebook_ads, dropped)
    assert [day.isoformat() for day in due_days(facebook_ads, lake, dropped)] == ["2026-01-01"]
    assert load(facebook_ads, lake, dropped).rows == 1
    put(client, "facebook_ads_2026-01-02.csv", day_of("2026-01-01"))  # the same content under another name
    assert facebook_ads.feed.fingerprint(facebook_ads, dropped) != before

    assert load(facebook_ads, lake, dropped).rows == 0
    assert due_days(facebook_ads, lake, dropped) == []
    from opetence_assets.sources.buckets import Bucket

    monkeypatch.setattr(Bucket, "opened", None)  # nothing may be transferred from here on
    assert load(facebook_ads, lake, dropped).source_rows == 0


def test_a_replaced_object_is_news(client: Any, dropped: Settings, lake: Lake) -> None:
    put(client, "facebook_ads_2026-01-01.csv", day_of("2026-01-01"))
    load(facebook_ads, lake, dropped)
    put(client, "facebook_ads_2026-01-01.csv", day_of("2026-01-01", "2.75"))

    assert load(facebook_ads, lake, dropped).rows == 1


def test_only_what_lies_right_below_the_own_prefix_is_seen(client: Any, dropped: Settings, lake: Lake) -> None:
    put(client, "facebook_ads_2026-01-01.csv", day_of("2026-01-01"))
    put(client, "deeper/facebook_ads_2026-01-02.csv", day_of("2026-01-02"))
    put(client, "../facebook_ads_2026-01-03.csv", day_of("2026-01-03"))
    put(client, "facebook_ads_2026-01-04.csv", day_of("2026-01-04"), "drop/here/facebook_ads_more/")
    put(client, "facebook_ads_2026-01-05.csv", day_of("2026-01-05"), "drop/here/google_ads/")
    put(client, "", b"")  # what consoles make of a folder

    assert load(facebook_ads, lake, dropped).source_rows == 1


def test_a_bad_object_is_refused_by_name(client: Any, dropped: Settings, lake: Lake) -> None:
    put(client, "facebook_ads_2026-01-01.csv", day_of("2026-01-01")[:-4])
    put(client, "facebook_ads_2026-01-02.csv", day_of("2026-01-02"))

    assert load(facebook_ads, lake, dropped).refused == (
        "facebook_ads_2026-01-01.csv: does not end with a line end: it was cut off",
    )


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("s3://nobucket/drop", r"could not be listed \(NoSuchBucket\)"),
        ("s3://lake/../other", "no address that is understood"),
        ("ftp://lake/drop", "no address that is understood"),
    ],
)
def test_a_place_that_is_none_is_named(address: str, found: str, dropped: Settings, lake: Lake) -> None:
    wrong = replace(dropped, variables={**dropped.variables, "OPETENCE_DROP": address})

    with pytest.raises(DataError, match=f"partners/facebook_ads: found .*{found}"):
        load(facebook_ads, lake, wrong)
