"""A table's Delta log as files: one JSON commit a version, a checkpoint now and then.

Commits are written here rather than by delta-rs for three things it cannot do: a commit is durable *before* anybody
sees it (delta-rs fsyncs nothing, so a release could outlive the version it names), new columns and the rows that have
them are ONE commit, and a restored table goes on at the version number it had. Everything is read through delta-rs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

from opetence_assets.lake.durability import ACTIONS, COMMIT, fsync_file, fsync_folder
from opetence_assets.lake.places import Lake, listing, put_new, read

if TYPE_CHECKING:
    from deltalake import DeltaTable

METADATA = "opetence"  # the commitInfo entry that holds our metadata, one JSON string
CHECKPOINT_EVERY = 20  # commits read on opening are few; a checkpoint of 300 files costs 16 ms
# Releases and backups pin old versions: no engine's housekeeping may clean their log or files away.
CONFIGURATION = {
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
    "delta.enableExpiredLogCleanup": "false",
    "delta.checkpointInterval": str(CHECKPOINT_EVERY),
}

Action = Mapping[str, Any]


def commit_path(key: str, version: int) -> str:
    return f"{key}/_delta_log/{version:020d}.json"


def checkpoint_path(key: str, version: int) -> str:
    return f"{key}/_delta_log/{version:020d}.checkpoint.parquet"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def versions(lake: Lake, key: str, since: int | None = None) -> list[int]:
    """The versions with a commit file, ascending; those after ``since`` if given."""
    folder = f"{key}/_delta_log/"
    names = listing(lake, folder, after=None if since is None else commit_path(key, since))
    return [int(match[1]) for name in names if (match := COMMIT.fullmatch(name.removeprefix(folder)))]


def last_checkpoint(lake: Lake, key: str, version: int) -> int | None:
    """The newest version up to ``version`` with a checkpoint of one file."""
    names = (path.rpartition("/")[2] for path in listing(lake, f"{key}/_delta_log"))
    found = (int(name[:20]) for name in names if name[:20].isdecimal() and name[20:] == ".checkpoint.parquet")
    return max((number for number in found if number <= version), default=None)


def actions_of(lake: Lake, key: str, version: int) -> list[dict[str, Any]]:
    """Every action of one commit, as Delta's protocol names them.

    Raises:
        FileNotFoundError: the version does not exist, or its log was cleaned by another engine.
    """
    return [json.loads(line) for line in read(lake, commit_path(key, version)).splitlines() if line]


def protocol(schema: str) -> Action:
    """The least protocol that a schema needs: timestamps without zone are a feature of their own."""
    if '"timestamp_ntz"' not in schema:
        return {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}
    features = ["timestampNtz"]
    return {
        "protocol": {
            "minReaderVersion": 3,
            "minWriterVersion": 7,
            "readerFeatures": features,
            "writerFeatures": features,
        }
    }


def meta_data(schema: str, partition_by: Sequence[str], **known: Any) -> Action:
    """The table's schema and layout; ``known`` keeps the id, name … of a table that exists."""
    return {
        "metaData": {
            "id": str(uuid4()),
            "format": {"provider": "parquet", "options": {}},
            "configuration": CONFIGURATION,
            "createdTime": now_ms(),
            **known,
            "schemaString": schema,
            "partitionColumns": list(partition_by),
        }
    }


def widened(delta: DeltaTable, schema: str) -> list[Action]:
    """The actions that give an existing table a wider schema and, where a new type needs it, protocol."""
    known, needed = delta.metadata(), protocol(schema)
    found = meta_data(
        schema,
        known.partition_columns,
        id=str(known.id),
        configuration=dict(known.configuration),
        createdTime=known.created_time,
    )
    has = delta.protocol()
    same = has.min_reader_version >= needed["protocol"]["minReaderVersion"]
    return [found] if same else [needed, found]


def transaction(app_id: str, number: int) -> Action:
    return {"txn": {"appId": app_id, "version": number, "lastUpdated": now_ms()}}


def add(path: str, size: int, partition: Mapping[str, str | None], stats: str) -> Action:
    return {
        "add": {
            "path": quote(path, safe="/="),
            "partitionValues": dict(partition),
            "size": size,
            "modificationTime": now_ms(),
            "dataChange": True,
            "stats": stats,
        }
    }


def remove(path: str, size: int, partition: Mapping[str, str | None]) -> Action:
    return {
        "remove": {
            "path": quote(path, safe="/="),
            "deletionTimestamp": now_ms(),
            "dataChange": True,
            "extendedFileMetadata": True,
            "partitionValues": dict(partition),
            "size": size,
        }
    }


def put_commit(
    lake: Lake,
    key: str,
    version: int,
    actions: Sequence[Action],
    metadata: Mapping[str, object],
    operation: str = "WRITE",
) -> bool:
    """Makes a version, atomically and durably; False if it exists."""
    info = {
        "timestamp": now_ms(),
        "operation": operation,
        "operationParameters": {},
        "isBlindAppend": not any("remove" in action for action in actions),
        "engineInfo": "opetence",
        "txnId": str(uuid4()),  # two commits of the same content differ
        METADATA: json.dumps(dict(metadata), default=str),
        ACTIONS: len(actions) + 1,  # a commit cut off between two actions would parse
    }
    lines = [json.dumps(line, separators=(",", ":"), ensure_ascii=False) for line in ({"commitInfo": info}, *actions)]
    return put_new(lake, commit_path(key, version), ("\n".join(lines) + "\n").encode())


def checkpoint(lake: Lake, key: str, table: DeltaTable) -> None:
    """Writes the checkpoint of an open table's version, durably. Readers need it for speed only."""
    table.create_checkpoint()
    if lake.is_local:
        folder = Path(lake.address(f"{key}/_delta_log"))
        for file in (*folder.glob(f"{table.version():020d}.checkpoint*.parquet"), folder / "_last_checkpoint"):
            fsync_file(file)
        fsync_folder(folder)
