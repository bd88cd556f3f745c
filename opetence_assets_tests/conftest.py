"""A place of its own for every test: settings, lake and keys in a temporary folder."""

from __future__ import annotations

import base64
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from opetence_assets.command import COLLECTED_AFTER
from opetence_assets.lake.places import Lake, lake_at
from opetence_assets.settings import Settings, read_settings
from opetence_assets_tests.buckets import s3_server
from opetence_assets_tests.places import short
from opetence_assets_tests.shop import TABLE, Shop, connected

# Files that take minutes begin first, or one worker would end with them alone. The longest cannot be shared out, so its
# worker goes before the others on the cores.
LONGEST, GIVES_WAY = "test_whole_path", 5
LONG = (
    *(LONGEST, "benchmarks", "warehouse", "conformance"),
    *("postgres", "backup", "refinement", "quality", "sandbox"),
)
FIRST = pytest.StashKey[bool]()  # whether the worker has run no test yet


def pytest_configure() -> None:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", short())
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # others are started in each process, and nobody here uses them


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        file = item.nodeid.partition("::")[0]
        return next((n for n, name in enumerate(LONG) if name in file), len(LONG))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    gc.set_threshold(COLLECTED_AFTER)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.config.stash.get(FIRST, True) and "PYTEST_XDIST_WORKER" in os.environ and LONGEST not in item.nodeid:
        os.nice(GIVES_WAY)
    item.config.stash[FIRST] = False


def environment(home: Path) -> dict[str, str]:
    """The variables of a platform that lives in ``home``, with keys of its own."""
    key = base64.b64encode(os.urandom(32)).decode()
    return {"OPETENCE_HOME": str(home), "OPETENCE_MASTER_KEY": key, "OPETENCE_HASH_KEYS": f"1:{key}"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(environment(tmp_path / "home"))


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return lake_at(settings)


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """The owner's connection string of a real PostgreSQL server, one for each test process."""
    from sandbox.server import started, stop  # the server alone, without the company's other systems

    folder = Path(tempfile.mkdtemp(prefix="opt", dir=short()))
    try:
        yield started(folder).owner_uri
    finally:
        stop(folder)
        shutil.rmtree(folder)


@pytest.fixture
def shop(database: str) -> Shop:
    """An empty table of sales."""
    shop = Shop(database)
    shop.run(TABLE)
    return shop


@pytest.fixture
def shop_settings(settings: Settings, shop: Shop) -> Settings:
    """Settings that know where the sales are."""
    return connected(settings, shop)


@pytest.fixture
def bucket() -> Iterator[dict[str, str]]:
    """Storage options of an empty bucket ``lake``."""
    import boto3

    server = s3_server()
    server.start()
    host, port = server.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true"}
    options = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", **keys}
    client = boto3.client(
        "s3", "us-east-1", endpoint_url=options["AWS_ENDPOINT_URL"], aws_access_key_id="a", aws_secret_access_key="b"
    )
    client.create_bucket(Bucket="lake")
    client.close()
    yield options
    server.stop()
