"""The same lake on S3: commits and releases by conditional put, reads by Polars, DuckDB and delta-rs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from opetence_assets.backup.restore import restore
from opetence_assets.backup.snapshot import snapshot
from opetence_assets.backup.verify import verify
from opetence_assets.lake.commits import CommitConflict, commit, sweep
from opetence_assets.lake.log import commit_path
from opetence_assets.lake.places import Lake, deleted, listing, place_at, put_new, read
from opetence_assets.lake.queries import query
from opetence_assets.lake.releases import ReleaseConflict, all_releases, current_release, publish
from opetence_assets.lake.tables import applied, commits, metadata_of, open_table
from opetence_assets_tests.buckets import s3_server
from opetence_assets_tests.lake.rows import KEY, appended, frame, ids, schema_of, staged


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = s3_server()
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint: str) -> Lake:
    """A lake in a bucket of its own."""
    from urllib.request import Request, urlopen

    bucket = f"lake-{uuid4().hex[:12]}"
    urlopen(Request(f"{endpoint}/{bucket}", method="PUT")).close()
    options = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-central-1",
    }
    return place_at(f"s3://{bucket}/some/prefix", options)


def test_a_table_on_s3_is_a_table(s3: Lake, tmp_path: Path) -> None:
    assert open_table(s3, KEY) is None
    appended(s3, tmp_path, frame(1), transactions={"load": 1}, metadata={"cursor": 1})
    assert appended(s3, tmp_path, frame(1), transactions={"load": 1}) == 0
    assert appended(s3, tmp_path, frame(2, more="x"), base=0) == 1
    with pytest.raises(CommitConflict):
        appended(s3, tmp_path, frame(3), base=0)
    table = open_table(s3, KEY)
    assert table is not None
    assert table.scan().sort("id").collect()["more"].to_list() == [None, "x"]
    assert table.new_since(0).rows == 1
    assert applied(s3, KEY, "load") == 1
    assert [found.version for found in commits(s3, KEY, since=0)] == [1]
    assert metadata_of(s3, KEY, 0) == {"cursor": 1}
    assert list(tmp_path.glob("*.parquet")) == []
    assert len(sweep(s3, KEY, datetime.now(UTC).replace(year=2999))) == 1  # what the refused commit had staged


def test_the_store_decides_the_race(s3: Lake) -> None:
    assert put_new(s3, "a/one.json", b"first")
    assert not put_new(s3, "a/one.json", b"second")
    assert put_new(s3, "a/one.json", b"first")  # sent again because its answer was lost
    assert read(s3, "a/one.json") == b"first"
    assert listing(s3, "a") == ["a/one.json"]
    with pytest.raises(FileNotFoundError):
        read(s3, "a/two.json")


def test_a_commit_that_lost_its_version_takes_the_next(s3: Lake, tmp_path: Path) -> None:
    def append(first: int) -> None:
        for one in range(first, first + 4):
            appended(s3, tmp_path, frame(one))

    threads = [threading.Thread(target=append, args=(10 * n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ids(s3) == [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]
    assert [found.version for found in commits(s3, KEY)] == list(range(12))


def test_a_release_on_s3_is_queried(s3: Lake, tmp_path: Path) -> None:
    released = publish(s3, {KEY: appended(s3, tmp_path, frame(1, 2))}, base=0)
    appended(s3, tmp_path, frame(3))
    with pytest.raises(ReleaseConflict):
        publish(s3, {KEY: 1}, base=0)
    assert all_releases(s3) == [released]
    assert query(s3, released, "SELECT sum(id)::INT AS s FROM silver.shop.orders WHERE id > 1").to_pylist() == [
        {"s": 2}
    ]


def test_a_lake_on_s3_is_backed_up_and_restored(s3: Lake, tmp_path: Path) -> None:
    versions = {KEY: appended(s3, tmp_path, frame(1, 2), metadata={"cursor": 2})}
    release = publish(s3, versions)
    store, into = Lake(f"{s3.uri}-backups", s3.options), Lake(f"{s3.uri}-restored", s3.options)
    manifest = snapshot(s3, store, zone="silver", partition="2026-11-21", release=release)
    assert verify(store) == []
    report = restore(store, into=into, keys_into=tmp_path / "keys.sqlite")
    assert (report.release, report.rows) == (1, {KEY: 2})
    assert current_release(into) == release
    assert ids(into) == [1, 2]
    assert metadata_of(into, KEY, 0) == {"cursor": 2}
    (digest,) = manifest.hashes
    deleted(store, [f"objects/{digest[:2]}/{digest}"])
    (damage,) = verify(store)
    assert (damage.table, damage.what) == (KEY, "found no such object")


def test_checkpoints_are_written_and_used_on_s3(s3: Lake, tmp_path: Path) -> None:
    commit(s3, KEY, schema=schema_of(frame()), add=[staged(s3, tmp_path, frame(1))])
    for one in range(20):
        commit(s3, KEY, schema=schema_of(frame()), transactions={f"run:{one}": 1})
    deleted(s3, [commit_path(KEY, version) for version in range(10)])  # as another engine's housekeeping would
    assert ids(s3) == [1]
    assert applied(s3, KEY, "run:3") == 1
    assert metadata_of(s3, KEY, 3) == {}
    assert len(commits(s3, KEY)) == 11
