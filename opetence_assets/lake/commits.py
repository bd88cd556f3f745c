"""One commit is the unit of truth: rows, progress and idempotency keys land together or not at all."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote
from uuid import uuid4

from opetence_assets.lake import log
from opetence_assets.lake.durability import fsync_file, fsync_folder, made_folder
from opetence_assets.lake.places import TEMPORARY, Lake, deleted, files_before, store_of
from opetence_assets.lake.schemas import (
    Fields,
    SchemaConflict,
    check_file,
    delta_fields,
    fields_of,
    merged_fields,
    schema_string,
    types_of,
)
from opetence_assets.lake.tables import DataFile, files_of, open_table, snapshot

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa
    from deltalake import DeltaTable

SWEPT = re.compile(r"/[0-9a-f]{32}\.parquet$|\.tmp$")  # what stage and the writers of commits leave behind
ATTEMPTS = 100  # each lost attempt is another writer's success; more means something else is wrong


class CommitConflict(Exception):
    """Another writer committed what this commit was not based on; nothing was committed, read again and redo."""


def stage(lake: Lake, key: str, file: Path, partition: Mapping[str, str | None] | None = None) -> DataFile:
    """Takes over a finished local Parquet file into the table's folder, durable and invisible until committed.

    ``partition`` names the file's value of each partition column, as text; the file holds those columns as well.

    Raises:
        SchemaConflict: a column's type cannot be stored, or a partition column is not in the file.
    """
    from opetence_assets.lake.stats import footer

    found = footer(file)
    partition = dict(partition or {})
    missing = sorted(set(partition) - set(found.schema.names))
    if missing:
        raise SchemaConflict(f"{key}: found a file without its partition column {missing[0]}; write the column too")
    types = types_of(delta_fields(key, found.schema))
    size = file.stat().st_size
    name = f"{uuid4().hex}.parquet"
    if lake.is_local:
        _moved(file, Path(lake.address(f"{key}/{name}")))
    else:
        import obstore

        obstore.put(store_of(lake), f"{key}/{name}", file)
        file.unlink()
    stats = {part: _without(values, partition) for part, values in found.stats.items()}
    return DataFile(name, found.rows, size, partition, stats, types)


def commit(
    lake: Lake,
    key: str,
    *,
    schema: pa.Schema,
    add: Sequence[DataFile] = (),
    remove: Sequence[DataFile] = (),
    transactions: Mapping[str, int] | None = None,
    metadata: Mapping[str, object] | None = None,
    base: int | None = None,
    redefine: bool = False,
) -> int:
    """ONE Delta commit of files, new columns, transactions and metadata; returns its version, durable.

    The first commit creates the table. If all ``transactions`` are applied already, nothing is committed, the staged
    files are deleted and the newest version is returned. With ``base`` (-1: no table yet) the commit becomes exactly
    version ``base + 1``; without, it lands after whatever others have committed meanwhile. With ``redefine`` a commit
    that replaces every file gives the table exactly ``schema``: columns may leave or change their type.

    Raises:
        CommitConflict: the table is not at ``base``, a file to remove is gone, or some but not all of the
            transactions are applied.
        SchemaConflict: a column changed its type, or a staged file is not of this schema.
    """
    transactions, fields = transactions or {}, delta_fields(key, schema)
    for _ in range(ATTEMPTS):
        delta = snapshot(lake, key)
        if delta is not None and _is_applied(key, delta, transactions):
            _discard(lake, key, add)
            return delta.version()
        version = delta.version() + 1 if delta else 0
        if base is not None and version != base + 1:
            raise CommitConflict(
                f"{key}: found version {version - 1}, this commit is based on {base}. Next: run it again"
            )
        actions = [
            *_schema_actions(key, delta, fields, add, afresh=redefine and _replaces_all(delta, remove)),
            *(log.transaction(app_id, number) for app_id, number in transactions.items()),
            *_remove_actions(key, delta, remove),
            *(log.add(file.path, file.size, file.partition, json.dumps(file.stats)) for file in add),
        ]
        if log.put_commit(lake, key, version, actions, metadata or {}):
            _checkpoint_now_and_then(lake, key, version)
            return version
    raise CommitConflict(f"{key}: found other writers first {ATTEMPTS} times. Next: run it again with fewer at once")


def sweep(lake: Lake, key: str, older_than: datetime) -> list[str]:
    """Deletes data files last written before ``older_than`` that no version ever referenced, and stale temporary files.

    Choose a moment before any running step began: a file staged and not yet committed is not referenced either.
    """
    known = {f"{key}/{path}" for path in _ever_referenced(lake, key)}
    ours = (path for path in files_before(lake, key, older_than) if SWEPT.search(path))
    swept = [path for path in ours if path not in known]
    deleted(lake, swept)
    return swept


def _is_applied(key: str, delta: DeltaTable, transactions: Mapping[str, int]) -> bool:
    """Whether all transactions are in the table; some but not all is a conflict."""
    done = [(delta.transaction_version(app_id) or 0) >= number for app_id, number in transactions.items()]
    if any(done) and not all(done):
        raise CommitConflict(
            f"{key}: found {sum(done)} of {len(done)} transactions applied by another writer;"
            " allowed: all or none. Next: run it again"
        )
    return bool(done) and all(done)


def _replaces_all(delta: DeltaTable | None, remove: Sequence[DataFile]) -> bool:
    return delta is not None and {file.path for file in files_of(delta)} == {file.path for file in remove}


def _schema_actions(
    key: str, delta: DeltaTable | None, fields: Fields, add: Sequence[DataFile], *, afresh: bool
) -> list[log.Action]:
    """Protocol and metadata where the commit creates the table or changes its columns, else nothing; checks files."""
    existing = fields_of(delta.schema().to_json()) if delta else {}
    partition_by = delta.metadata().partition_columns if delta else list(add[0].partition) if add else []
    merged = fields if afresh else merged_fields(key, existing, fields)
    for file in add:
        if sorted(file.partition) != sorted(partition_by):
            raise SchemaConflict(
                f"{key}: found a file partitioned by {sorted(file.partition)}; allowed: {partition_by}"
            )
        if file.types is not None:
            check_file(key, file.types, merged, partition_by)
    if delta is None:
        schema = schema_string(merged)
        return [log.protocol(schema), log.meta_data(schema, partition_by)]
    if types_of(merged) == types_of(existing):
        return []
    return log.widened(delta, schema_string(merged))


def _remove_actions(key: str, delta: DeltaTable | None, remove: Sequence[DataFile]) -> list[log.Action]:
    active = {file.path for file in files_of(delta)} if delta and remove else set[str]()
    gone = [file.path for file in remove if file.path not in active]
    if gone:
        raise CommitConflict(f"{key}: found {len(gone)} files to remove already removed. Next: run it again")
    return [log.remove(file.path, file.size, file.partition) for file in remove]


def _checkpoint_now_and_then(lake: Lake, key: str, version: int) -> None:
    if version and version % log.CHECKPOINT_EVERY == 0:
        delta = snapshot(lake, key, version)
        assert delta is not None
        log.checkpoint(lake, key, delta)


def _moved(file: Path, target: Path) -> None:
    """Renames a file into place, through a copy where it lies on another file system; durable either way."""
    made_folder(target.parent)
    try:
        fsync_file(file)
        os.rename(file, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        temporary = target.with_name(f"_{target.name}{TEMPORARY}")
        shutil.copyfile(file, temporary)
        fsync_file(temporary)
        os.rename(temporary, target)
        file.unlink()
    fsync_folder(target.parent)


def _without(values: object, partition: Mapping[str, str | None]) -> object:
    """Statistics less the partition columns: the log has their values already."""
    return {k: v for k, v in values.items() if k not in partition} if isinstance(values, dict) else values


def _discard(lake: Lake, key: str, files: Sequence[DataFile]) -> None:
    deleted(lake, [f"{key}/{file.path}" for file in files])


def _ever_referenced(lake: Lake, key: str) -> set[str]:
    """Every path that any version still readable has or had."""
    versions = log.versions(lake, key)
    first = open_table(lake, key, versions[0]) if versions else None
    known = {file.path for file in first.files} if first else set[str]()
    for version in versions:
        known |= {unquote(action["add"]["path"]) for action in log.actions_of(lake, key, version) if "add" in action}
    return known
