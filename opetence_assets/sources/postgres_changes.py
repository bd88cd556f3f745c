"""A PostgreSQL table by its changes: everything once, then every insert, update and delete in its order."""

# ruff: noqa: S608  (every name in a statement is one of a declaration, quoted)

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from opetence_assets.dataset import DataError, Dataset, Deletes, Extract, Extraction, Facts
from opetence_assets.sources.postgres_rows import DELETED, Change, Log, Rows
from opetence_assets.sources.postgres_server import answered, columns_of, connected, key_list, literal, one, wanted
from opetence_assets.sources.postgres_slots import (
    Snapshot,
    flushed,
    peeked,
    position_of,
    refuse_unfit,
    slot_behind_lake,
    slot_for_snapshot,
    snapshot_of,
)
from opetence_assets.sources.postgres_types import Column, landed, landed_table, selected

if TYPE_CHECKING:
    import pyarrow

    from opetence_assets.settings import Settings
    from opetence_assets.sources.postgres import Postgres

BATCH_BYTES = 8 * 2**20
BATCH_ROWS = 10_000
AT_MOST = 1_000_000  # changes a load, whole transactions; the rest stays for the next
TURN = 64 * 2**20  # bytes of log: so often the slot is moved where nothing concerns the table


@dataclass(frozen=True)
class PostgresChanges:
    """A table's changes through its own replication slot; the cursor is how far the lake has them.

    The log is read without moving the slot; the slot is moved by the next load, to what the lake holds by then. A
    transaction arrives whole. A large value that an update left alone is not in the log: its row is read again as it
    is then. Always reads the primary server, which writes the log.
    """

    source: Postgres
    name: str
    slot: str
    publication: str
    kind: str = "postgresql"
    since: date | None = None
    follows: ClassVar[bool] = True  # a look costs one query and a load only what changed: it may be taken at once

    @property
    def system(self) -> str:
        return self.source.system

    @property
    def relation(self) -> str:
        return self.source.relation(self.name)

    def extract(self, request: Extract, settings: Settings) -> Extraction:
        """Opens the read. A window brings nothing: of an exact stream bronze holds every change up to its cursor.

        Raises:
            DataError: the server or the slot cannot tell the changes, or a declared column is gone.
        """
        import polars as pl

        read = _Read(self, request, settings, position_of(request.after, self))
        try:
            with answered(request.dataset.name):
                _opened(read)
        except BaseException:
            read.close()
            raise
        return Extraction(
            batches=iter([read.rows.table([])]) if request.window else _batches(read),
            facts=read.facts,
            close=read.close,
            keys=read.keys if read.held is None and not request.window else None,
            undeclared=read.undeclared,
            rereads=pl.lit(False),
        )

    def fingerprint(self, dataset: Dataset, settings: Settings) -> str:
        """Changes with the server's counters of the table, and with every turn of the log: the slot must follow."""
        connection = connected(self.source.dsn, settings, dataset.name)
        with connection, connection.cursor() as cursor, answered(dataset.name):
            (counters,) = one(
                cursor,
                "SELECT coalesce((SELECT concat_ws('-', n_tup_ins, n_tup_upd, n_tup_del, pg_relation_filenode(relid),"
                f" div(pg_current_wal_flush_lsn() - '0/0', {TURN})) FROM pg_stat_user_tables"
                f" WHERE relid = to_regclass({literal(self.relation)})), 'none')",
            )
        return counters


@dataclass
class _Read:
    """A read under way: grows while its batches are consumed.

    Attributes:
        held: the lake's position; None: it has none, or everything is to be read again.
        place: of the snapshot's rows in the order of changes.
        turn: of the log when the read began, as in the fingerprint.
        end: the place in the log up to which everything was read; None: not yet.
        clock: what the server's clock said when it ended there, Unix seconds.
    """

    feed: PostgresChanges
    request: Extract
    settings: Settings
    held: Mapping[str, Any] | None
    connections: list[Any] = field(default_factory=list[Any])
    columns: Sequence[Column] = ()
    undeclared: tuple[str, ...] = ()
    snapshot: Snapshot | None = None
    place: int = 0
    turn: int = 0
    told: int = 0
    end: int | None = None
    clock: float = 0.0
    more: bool = False

    @property
    def dataset(self) -> Dataset:
        return self.request.dataset

    @cached_property
    def table(self) -> Any:
        """A cursor of the connection that reads the table, in one snapshot where all of it is read."""
        return self._connect()

    @cached_property
    def log(self) -> Any:
        return self.table if self.held is not None else self._connect()

    @cached_property
    def again(self) -> Any:
        return self._connect()

    @cached_property
    def rows(self) -> Rows:
        self.table.execute(f"SELECT {selected(self.columns)} FROM {self.feed.relation} WHERE false")
        schema = _landed_schema(self.table.fetch_record_batch().schema, self.columns)
        return Rows(self.dataset, self.columns, schema, self.undeclared, self._now)

    def _connect(self) -> Any:
        connection = connected(self.feed.source.dsn, self.settings, self.dataset.name)
        self.connections.append(connection)
        return connection.cursor()

    def close(self) -> None:
        for connection in self.connections:
            connection.close()

    def _now(self, keys: Sequence[Column], values: Sequence[str]) -> pyarrow.Table:
        """The rows of these keys (SQL tuples) as they are now."""
        where = f"({key_list([column.name for column in keys])}) IN (VALUES {', '.join(values)})"
        self.again.execute(f"SELECT {selected(self.columns)} FROM {self.feed.relation} WHERE {where}")
        return landed_table(self.again.fetch_arrow_table(), self.columns)

    def keys(self) -> pyarrow.Table:
        """Every key in the snapshot, and where that stands in the order of changes."""
        columns = [column for column in self.columns if column.name in self.dataset.key]
        with answered(self.dataset.name):
            self.table.execute(f"SELECT {selected(columns)} FROM {self.feed.relation}")
            return self.rows.placed(landed_table(self.table.fetch_arrow_table(), columns), self.place)

    def facts(self) -> Facts:
        return Facts(self.told, None, None) if self.end is None else self._facts

    @cached_property
    def _facts(self) -> Facts:
        assert self.end is not None
        with answered(self.dataset.name):
            place, now = flushed(self.log)
        lag = {"lag_bytes": float(max(0, place - self.end)), "lag_seconds": max(0.0, now - self.clock)}
        return Facts(self.told, None, self._next(), more=self.more, lag=lag)

    def _next(self) -> Mapping[str, Any]:
        """Where the next read starts: unmoved where nothing was found and the log has taken no turn."""
        assert self.end is not None
        if self.held is not None and not self.told and not self.more and self.turn == self.held.get("turn"):
            return self.held
        position: dict[str, Any] = {"slot": self.feed.slot, "lsn": self.end, "turn": self.turn}
        if self.snapshot and self.end < self.snapshot.until:
            position |= {"snapshot": self.snapshot.text, "until": self.snapshot.until}
        return position


def _opened(read: _Read) -> None:
    dataset, feed = read.dataset, read.feed
    if dataset.deletes is not Deletes.TOLD:
        raise DataError(
            dataset.name,
            found=f"deletes={dataset.deletes}",
            allowed="Deletes.TOLD, since a table's changes say so",
            next_command=f"edit opetence_assets/datasets/{dataset.name}.py",
        )
    columns = columns_of(read.table, feed.relation, dataset, feed.source.dsn)
    sent = refuse_unfit(read.table, feed, dataset)
    read.turn = flushed(read.table)[0] // TURN
    read.columns, read.undeclared = wanted([column for column in columns if column.name in sent], dataset)
    if read.held is not None:
        slot_behind_lake(read.table, feed, dataset, read.held["lsn"])
        text = read.held.get("snapshot")
        read.snapshot = Snapshot(text, read.held["until"]) if text else None
    elif not read.request.window:
        read.place = slot_for_snapshot(read.table, feed, dataset)
        read.snapshot = snapshot_of(read.table)


def _batches(read: _Read) -> Iterator[pyarrow.Table]:
    with answered(read.dataset.name, lambda: read.told):
        yield read.rows.table([])  # the schema, even of no rows
        if read.held is None:
            yield from _everything(read)
        yield from _changes(read)


def _everything(read: _Read) -> Iterator[pyarrow.Table]:
    import pyarrow as pa

    read.table.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(BATCH_BYTES)})
    read.table.execute(f"SELECT {selected(read.columns)} FROM {read.feed.relation}")
    for batch in read.table.fetch_record_batch():
        table = read.rows.placed(landed(batch, read.columns), read.place, **{DELETED: pa.scalar(False)})
        read.told += len(table)
        yield table


def _changes(read: _Read) -> Iterator[pyarrow.Table]:
    safe, read.clock = flushed(read.log)
    after = read.held["lsn"] if read.held is not None else 0
    saw = read.snapshot.seer() if read.snapshot else _nothing
    names = [column.name for column in read.columns]
    log = Log(read.dataset, (read.feed.source.schema, read.feed.name), names, after, saw)
    waiting: list[Change] = []
    for change in log.changes(peeked(read.log, read.feed, AT_MOST, BATCH_BYTES)):
        waiting.append(change)
        if len(waiting) >= BATCH_ROWS:
            yield _told(read, waiting)
            waiting = []
    if waiting:
        yield _told(read, waiting)
    read.more = log.messages >= AT_MOST
    # Everything that was committed up to ``safe`` was told, unless there was more than one load takes.
    read.end = log.end if read.more else max(safe, log.end, after)
    read.clock = log.at if read.more else read.clock


def _told(read: _Read, changes: Sequence[Change]) -> pyarrow.Table:
    table = read.rows.table(changes)
    read.told += len(table)
    return table


def _nothing(xid: int) -> bool:
    return False


def _landed_schema(selected_as: pyarrow.Schema, columns: Sequence[Column]) -> pyarrow.Schema:
    import pyarrow as pa

    return landed(pa.RecordBatch.from_pylist([], schema=selected_as), columns).schema
