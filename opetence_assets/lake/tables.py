"""A table at a version: which files, which rows, which schema. Readers resolve release → version → files."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opetence_assets.lake import log
from opetence_assets.lake.durability import LakeDamaged, is_torn, repair
from opetence_assets.lake.places import Lake, LakeError, read

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
    from deltalake import DeltaTable


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of a table.

    Attributes:
        path: within the table's folder.
        size: bytes.
        partition: partition column → value as text; the file holds these columns too.
        stats: as in Delta's log: numRecords, minValues, maxValues, nullCount (dates and times as ISO text).
        types: column → Delta type as JSON, known while the file is staged.
    """

    path: str
    rows: int
    size: int
    partition: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    stats: Mapping[str, Any] = field(default_factory=dict[str, Any])
    types: Mapping[str, str] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Commit:
    """One version of a table: when it was made and what its writer noted."""

    version: int
    at: datetime
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A table at one version, or some of its files."""

    key: str
    version: int
    files: tuple[DataFile, ...]
    schema: pa.Schema
    lake: Lake

    @property
    def uris(self) -> tuple[str, ...]:
        """An address of each file, in the order of ``files``: plain paths locally, ``s3://`` otherwise."""
        folder = self.lake.address(self.key)
        return tuple(f"{folder}/{file.path}" for file in self.files)

    @property
    def options(self) -> Mapping[str, str]:
        """The storage options that the addresses need."""
        return self.lake.options

    @cached_property
    def rows(self) -> int:
        """Rows, from the log alone."""
        return sum(file.rows for file in self.files)

    def scan(self) -> pl.LazyFrame:
        """The rows, lazily, in the table's schema: columns that older files lack are null; typed without any file."""
        import polars as pl

        schema = pl.DataFrame(self.schema.empty_table()).schema
        if not self.files:
            return pl.LazyFrame(schema=schema)
        return pl.scan_parquet(
            list(self.uris),
            schema=schema,
            missing_columns="insert",
            glob=False,
            hive_partitioning=False,
            storage_options=dict(self.options) or None,
        )

    def only(self, paths: Collection[str]) -> Table:
        """The same version, less every file that is not among ``paths``."""
        return replace(self, files=tuple(file for file in self.files if file.path in paths))

    def new_since(self, version: int | None) -> Table:
        """The files active now that were not at ``version`` (None: all): on an append-only table, what was added."""
        if version is None:
            return self
        before = open_table(self.lake, self.key, version)
        known = {file.path for file in before.files} if before else set[str]()
        return replace(self, files=tuple(file for file in self.files if file.path not in known))


def open_table(lake: Lake, key: str, version: int | None = None) -> Table | None:
    """The table at a version (the newest by default); None if there is no such table.

    Raises:
        LakeError: the table has no such version.
        LakeDamaged: its log is broken beyond taking back a torn newest commit.
    """
    delta = snapshot(lake, key, version)
    return None if delta is None else table_of(lake, key, delta)


def table_of(lake: Lake, key: str, delta: DeltaTable) -> Table:
    """The table of a version that is open already."""
    import pyarrow as pa

    return Table(key, delta.version(), files_of(delta), pa.schema(delta.schema().to_arrow()), lake)


def metadata_of(lake: Lake, key: str, version: int) -> dict[str, Any]:
    """What the writer of a commit noted; {} if nothing, or if another engine cleaned that part of the log."""
    return _noted(_commit_info(lake, key, version))


def commits(lake: Lake, key: str, since: int | None = None) -> list[Commit]:
    """Every commit still in the log after version ``since``, oldest first. Reads one line of each."""
    found: list[Commit] = []
    for version in log.versions(lake, key, since):
        info = _commit_info(lake, key, version)
        at = datetime.fromtimestamp(info.get("timestamp", 0) / 1000, UTC)
        found.append(Commit(version, at, _noted(info)))
    return found


def applied(lake: Lake, key: str, app_id: str) -> int | None:
    """The number of the application transaction last committed under ``app_id``; None if there is none."""
    delta = snapshot(lake, key)
    return None if delta is None else delta.transaction_version(app_id)


def transactions_of(lake: Lake, key: str, version: int) -> dict[str, int]:
    """Every application transaction up to a version: app id → number."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    at, found = log.last_checkpoint(lake, key, version), dict[str, int]()
    if at is not None:
        rows = pq.read_table(pa.BufferReader(read(lake, log.checkpoint_path(key, at))), columns=["txn"])
        found = {txn["appId"]: txn["version"] for txn in rows["txn"].to_pylist() if txn and txn["appId"]}
    for number in log.versions(lake, key, at):
        if number <= version:
            txns = (action["txn"] for action in log.actions_of(lake, key, number) if "txn" in action)
            found |= {txn["appId"]: txn["version"] for txn in txns}
    return found


def snapshot(lake: Lake, key: str, version: int | None = None) -> DeltaTable | None:
    """delta-rs's view of a version; None if there is no table. Takes back a torn newest commit first.

    Raises:
        LakeError, LakeDamaged: as for ``open_table``.
    """
    if lake.is_local:
        newest = log.versions(lake, key)[-1:]
        if not newest:
            return None
        if is_torn(Path(lake.address(log.commit_path(key, newest[0])))):
            repair(lake, key)
    return _opened(lake, key, version, mend=lake.is_local)


def _opened(lake: Lake, key: str, version: int | None, *, mend: bool) -> DeltaTable | None:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    address = Path(lake.address(key)).as_uri() if lake.is_local else lake.address(key)
    try:
        return DeltaTable(address, version=version, storage_options=dict(lake.options) or None)
    except TableNotFoundError:
        return None
    except (DeltaError, OSError, ValueError) as error:
        if mend and repair(lake, key):
            return _opened(lake, key, version, mend=False)
        known = log.versions(lake, key)
        if not known:
            return None
        if version is not None and not known[0] <= version <= known[-1]:
            raise LakeError(
                f"{key}: found no version {version}; allowed: {known[0]} to {known[-1]}. Next: opetence release list"
            ) from error
        raise LakeDamaged(f"{key}: cannot be opened ({error}). Next: restore it from its backup") from error


def files_of(delta: DeltaTable) -> tuple[DataFile, ...]:
    """The active files of an open snapshot, with their statistics."""
    import pyarrow as pa

    return tuple(_data_file(action) for action in pa.table(delta.get_add_actions()).to_pylist())


def _data_file(action: Mapping[str, Any]) -> DataFile:
    from opetence_assets.lake.stats import plain

    rows = action.get("num_records") or 0
    stats: dict[str, Any] = {"numRecords": rows}
    for name, part in (("minValues", "min"), ("maxValues", "max"), ("nullCount", "null_count")):
        values: Mapping[str, Any] = action.get(part) or {}
        stats[name] = {column: plain(value) for column, value in values.items() if value is not None}
    partition: Mapping[str, Any] = action.get("partition") or {}
    texts = {name: None if value is None else str(plain(value)) for name, value in partition.items()}
    return DataFile(action["path"], rows, action["size_bytes"], texts, stats)


def _commit_info(lake: Lake, key: str, version: int) -> dict[str, Any]:
    """The commitInfo of one commit: its first line as we write it, any line as others do; {} if it is not there."""
    try:
        data = read(lake, log.commit_path(key, version))
    except FileNotFoundError:
        return {}
    first, _, rest = data.partition(b"\n")
    if b'"commitInfo"' not in first[:20]:
        first = next((line for line in rest.split(b"\n") if b'"commitInfo"' in line[:20]), b"{}")
    return json.loads(first).get("commitInfo", {})


def _noted(info: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(info.get(log.METADATA, "{}"))
