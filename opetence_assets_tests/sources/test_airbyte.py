"""What a connector says and how it ends, by executables of a few lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from opetence_assets.dataset import DataError, Dataset, Extract, Facts
from opetence_assets.settings import Settings
from opetence_assets.sources.airbyte import Airbyte, AirbyteStream
from opetence_assets.sources.limits import Limits
from opetence_assets_tests.conformance.rig import Thing

RECORD = {"type": "RECORD", "record": {"stream": "things", "data": {"id": "a", "amount": 1}}}
STATE = {"type": "STATE", "state": {"type": "LEGACY", "data": {"at": 5}}}
STATUS = {"stream_descriptor": {"name": "things"}, "status": "COMPLETE"}
COMPLETE = {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "stream_status": STATUS}}
CATALOG = {"type": "CATALOG", "catalog": {"streams": [{"name": "things", "supported_sync_modes": ["incremental"]}]}}
SCRIPT = """#!{python} -IS
import json, os, sys
if sys.argv[1] == "discover":
    print({catalog!r})
    sys.exit()
given = dict(zip(sys.argv[2::2], sys.argv[3::2]))
with open({asked!r}, "w") as file:
    json.dump({{"arguments": {{name: json.load(open(path)) for name, path in given.items()}}, **os.environ}}, file)
for line in {lines!r}:
    print(line, flush=True)
{end}
"""
FEED = Airbyte("test", config="CONFIG", path="CONNECTOR", limits=Limits(wall_seconds=5)).stream(
    "things", {"id": "id", "amount": "amount"}
)


@pytest.fixture
def read(tmp_path: Path, settings: Settings) -> Callable[..., tuple[pl.DataFrame, Facts]]:
    """Reads from a connector that says these messages and then does ``end``."""

    def read(*said: Any, end: str = "", after: Any = None, feed: AirbyteStream = FEED) -> tuple[pl.DataFrame, Facts]:
        lines = [line if isinstance(line, str) else json.dumps(line) for line in said]
        script, asked = tmp_path / "source-test", str(tmp_path / "asked.json")
        script.write_text(
            SCRIPT.format(python=sys.executable, catalog=json.dumps(CATALOG), asked=asked, lines=lines, end=end)
        )
        script.chmod(0o755)
        variables = {**settings.variables, "CONFIG": '{"password": "s3cret"}', "CONNECTOR": str(script)}
        dataset = Dataset(feed=feed, key=("id",), schema=Thing, owner="team:tests")
        extraction = feed.extract(Extract(dataset, after), replace(settings, variables=variables))
        try:
            tables = [pl.DataFrame(table) for table in extraction.batches]
            return pl.concat(tables), extraction.facts()
        finally:
            extraction.close()

    return read


@pytest.fixture
def asked(tmp_path: Path) -> Callable[[], dict[str, Any]]:
    return lambda: json.loads((tmp_path / "asked.json").read_text())


@pytest.mark.parametrize(
    ("state", "back"),
    [
        ({"type": "LEGACY", "data": {"at": 5}}, {"at": 5}),
        ({"data": {"at": 5}}, {"at": 5}),
        (
            {"type": "STREAM", "stream": {"stream_descriptor": {"name": "things"}, "stream_state": {"at": 5}}},
            [{"type": "STREAM", "stream": {"stream_descriptor": {"name": "things"}, "stream_state": {"at": 5}}}],
        ),
        (
            {"type": "GLOBAL", "global": {"shared_state": {"lsn": 5}, "stream_states": []}},
            [{"type": "GLOBAL", "global": {"shared_state": {"lsn": 5}, "stream_states": []}}],
        ),
    ],
)
def test_each_kind_of_state_comes_back_as_it_is_wanted(read: Any, asked: Any, state: Any, back: Any) -> None:
    rows, facts = read(RECORD, {"type": "STATE", "state": state}, COMPLETE)
    assert rows["id"].to_list() == ["a"]
    assert facts.cursor == {"state": back}

    _, again = read(after=facts.cursor)

    assert asked()["arguments"]["--state"] == back
    assert again.cursor == facts.cursor


@pytest.mark.parametrize(
    ("said", "end", "found"),
    [
        ((RECORD, STATE, RECORD, COMPLETE), "", "ended without a state for its last 1 records"),
        ((RECORD, STATE), "sys.exit(3)", "ended with code 3"),
        ((RECORD, STATE), "os.kill(os.getpid(), 9)", "killed by SIGKILL"),
        ((RECORD, STATE), "import time; time.sleep(60)", "killed by SIGKILL"),
        (
            (RECORD, STATE, {"type": "TRACE", "trace": {"type": "ERROR", "error": {"message": "s3cret"}}}),
            "",
            r"told of an error \(error\)",
        ),
        (
            (RECORD, STATE, json.loads(json.dumps(COMPLETE).replace("COMPLETE", "INCOMPLETE"))),
            "",
            "left the stream INCOMPLETE",
        ),
    ],
)
def test_a_read_that_does_not_end_well_counts_for_nothing(read: Any, said: Any, end: str, found: str) -> None:
    with pytest.raises(DataError, match=f"test/things: found the connector {found}") as error:
        read(*said, end=end)
    assert "s3cret" not in str(error.value)


def test_a_stream_that_there_is_not_is_said(read: Any) -> None:
    with pytest.raises(DataError, match=r"no stream people \(it has things\)"):
        read(RECORD, feed=replace(FEED, stream="people"))


def test_the_connector_sees_its_configuration_and_none_of_our_secrets(
    read: Any, asked: Any, settings: Settings
) -> None:
    read(RECORD, STATE, "a log line", COMPLETE)

    told = asked()
    assert told["arguments"]["--config"] == {"password": "s3cret"}
    assert not [name for name in told if name.startswith(("OPETENCE", "PYTHONPATH"))]
    assert not list(settings.scratch.iterdir())  # and nothing of it stays


def test_without_a_probe_it_is_due_by_the_clock(settings: Settings) -> None:
    dataset = Dataset(feed=FEED, key=("id",), schema=Thing, owner="team:tests")

    assert FEED.fingerprint(dataset, settings).isdecimal()
