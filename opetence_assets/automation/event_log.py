"""Dagster's event log in SQLite, with its connections kept open.

Dagster's own opens the file and compiles every statement anew for each event: 5.7 CPU-ms an event against 1.5 kept
open, a quarter of a round's CPU over 37 tables. It also waits for the disk after each: 3 ms an event against 0.1, which
only a power failure could tell, and then by the last lines of a history; what is true stands in the lake. Everything
else, the tables on disk too, is Dagster's.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import get_ident
from typing import TYPE_CHECKING, Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData

if TYPE_CHECKING:
    from dagster._core.events.log import EventLogEntry
    from sqlalchemy.engine import Connection, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection

OPEN_AT_MOST = 6  # files: the index and the runs of the moment; a daemon sees hundreds in its life


@dataclass(frozen=True)
class _Batch:
    """Transactions that a thread holds open, one a file, until all its events are in."""

    thread: int
    transactions: ExitStack
    connections: dict[str, Connection] = field(default_factory=dict[str, "Connection"])


class KeptEventLog(SqliteEventLogStorage):
    """As its parent, one engine a file. A forked child opens its own: SQLite's connections may not cross a fork."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[int, OrderedDict[str, Engine]] = {}  # by process: those of a parent are left untouched
        self._batch: _Batch | None = None
        self._tables: set[str] = set()  # that are there: none is ever dropped
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> KeptEventLog:
        return cls(config_value["base_dir"], inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Generator[Connection]:
        batch = self._batch
        if batch is not None and batch.thread == get_ident():
            if shard not in batch.connections:
                batch.connections[shard] = batch.transactions.enter_context(self._engine(shard).begin())
            yield batch.connections[shard]
            return
        with self._db_lock, self._engine(shard).begin() as connection:
            yield connection

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """All of them or none, in one transaction a file: what a run plans is hundreds of events."""
        with self._db_lock, ExitStack() as transactions:
            self._batch = _Batch(get_ident(), transactions)
            try:
                super().store_event_batch(events)
            finally:
                self._batch = None

    def has_table(self, table_name: str) -> bool:
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def _engine(self, shard: str) -> Engine:
        engines = self._engines.setdefault(os.getpid(), OrderedDict())
        if shard not in engines:
            engines[shard] = self._opened(shard)
        engines.move_to_end(shard)
        while len(engines) > OPEN_AT_MOST:
            engines.popitem(last=False)[1].dispose()
        return engines[shard]

    def _opened(self, shard: str) -> Engine:
        from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
        from sqlalchemy import create_engine, event
        from sqlalchemy.pool import QueuePool

        # One connection, handed from thread to thread by the lock above.
        arguments = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
        place = self.conn_string_for_shard(shard)
        engine = create_engine(place, poolclass=QueuePool, pool_size=1, connect_args=arguments)
        self._initdb(engine)
        event.listen(engine, "connect", _without_waiting)
        engine.dispose()  # the connection that made the tables is from before
        return engine

    def dispose(self) -> None:
        for engine in self._engines.pop(os.getpid(), {}).values():
            engine.dispose()
        super().dispose()


def _without_waiting(connection: DBAPIConnection, _: object) -> None:
    connection.cursor().execute("PRAGMA synchronous=NORMAL")  # of a write-ahead log: whole after any kill
