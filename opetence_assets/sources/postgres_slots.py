"""A replication slot: made, looked at, read without being moved, and moved only to what the lake holds."""

# ruff: noqa: S608  (every name in a statement is one of a declaration, quoted)

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from opetence_assets.dataset import DataError, Dataset, redacted
from opetence_assets.sources.postgres_server import REPEATABLE, literal, one
from opetence_assets.sources.postgres_types import quoted

if TYPE_CHECKING:
    from opetence_assets.sources.postgres_changes import PostgresChanges

PLUGIN = "pgoutput"
HALF = 2**31


@dataclass(frozen=True)
class Slot:
    """What the server says of a slot; places in the log are bytes from its start."""

    confirmed: int  # what lies before this it may have forgotten
    lost: bool  # it was too far behind: the log it needs is gone


@dataclass(frozen=True)
class Snapshot:
    """Which transactions a read of the whole table saw, and a place in the log behind the last of them.

    ``text`` is PostgreSQL's ``xmin:xmax:running``: everything before xmin was seen, nothing from xmax on, and of those
    between everything but the running ones.
    """

    text: str
    until: int

    def seer(self) -> Callable[[int], bool]:
        """Whether it saw the transaction with a 32-bit id (as the log tells them)."""
        xmin, xmax, running = self.text.split(":")
        first, end = int(xmin), int(xmax)
        unseen = {int(xid) for xid in running.split(",") if xid}

        def saw(xid: int) -> bool:
            full = xid + (end & ~0xFFFFFFFF)
            full += 2 * HALF if full < end - HALF else -2 * HALF if full > end + HALF else 0
            return full < first or (full < end and full not in unseen)

        return saw


def refuse_unfit(cursor: Any, feed: PostgresChanges, dataset: Dataset) -> tuple[str, ...]:
    """The columns that the publication sends, once the server is known to be fit for capture.

    Raises:
        DataError: a setting, the role, the publication or the table's replica identity would not do.
    """
    level, kept, may = one(
        cursor,
        "SELECT current_setting('wal_level'), current_setting('max_slot_wal_keep_size'),"
        " (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user)",
    )
    _require(dataset, level == "logical", f"wal_level = {level}", "logical", "ALTER SYSTEM SET wal_level = 'logical'")
    _require(
        dataset,
        kept != "-1",
        "max_slot_wal_keep_size = -1, so that a slot nobody reads fills the server's disk",
        "a limit, such as 10GB",
        "ALTER SYSTEM SET max_slot_wal_keep_size = '10GB'; SELECT pg_reload_conf();",
    )
    _require(dataset, may, f"a role in {feed.source.dsn} without REPLICATION", "one with", "ALTER ROLE … REPLICATION")
    published = _published(cursor, feed, dataset)
    identity = _identity(cursor, feed)
    _require(
        dataset,
        identity is None or set(dataset.key) <= set(identity),
        f"a replica identity of {', '.join(identity or ()) or 'nothing'}: deletions would not say whose",
        f"one that holds the key {', '.join(dataset.key)}",
        f"ALTER TABLE {feed.relation} REPLICA IDENTITY FULL",
    )
    return published


def _published(cursor: Any, feed: PostgresChanges, dataset: Dataset) -> tuple[str, ...]:
    cursor.execute(
        "SELECT attnames::text[], rowfilter IS NOT NULL, pubinsert AND pubupdate AND pubdelete AND pubtruncate"
        " FROM pg_publication_tables t JOIN pg_publication p USING (pubname)"
        f" WHERE pubname = {literal(feed.publication)} AND schemaname = {literal(feed.source.schema)}"
        f" AND tablename = {literal(feed.name)}"
    )
    found = cursor.fetchall()
    add = f"ALTER PUBLICATION {quoted(feed.publication)} ADD TABLE {feed.relation}"
    _require(dataset, bool(found), f"no {feed.relation} in publication {feed.publication}", "that table in it", add)
    names, filtered, everything = found[0]
    _require(
        dataset, not filtered, "a publication that filters rows", "all of the table's rows", f"{add} without WHERE"
    )
    again = f"ALTER PUBLICATION {quoted(feed.publication)} SET (publish = 'insert, update, delete, truncate')"
    _require(dataset, everything, "a publication that leaves out some kinds of change", "every kind", again)
    sent = redacted(dataset) & set(names)
    listed = f"ALTER PUBLICATION … SET TABLE {feed.relation} (its other columns)"
    _require(
        dataset, not sent, f"redacted {', '.join(sorted(sent))} in the publication", "none: they stay there", listed
    )
    return tuple(names)


def _identity(cursor: Any, feed: PostgresChanges) -> tuple[str, ...] | None:
    """The columns that say which row was changed or deleted; None: all."""
    kind, columns = one(
        cursor,
        "SELECT c.relreplident::text, coalesce((SELECT array_agg(a.attname::text) FROM pg_index i JOIN pg_attribute a"
        " ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) WHERE i.indrelid = c.oid AND CASE c.relreplident"
        " WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END), '{}')"
        f" FROM pg_class c WHERE c.oid = to_regclass({literal(feed.relation)})",
    )
    return None if kind == "f" else tuple(columns)


def slot_of(cursor: Any, feed: PostgresChanges, dataset: Dataset) -> Slot | None:
    """The feed's slot; None if there is none.

    Raises:
        DataError: it is somebody else's.
    """
    cursor.execute(
        "SELECT (confirmed_flush_lsn - '0/0')::bigint, wal_status = 'lost', plugin = 'pgoutput' AND"
        f" database = current_database() FROM pg_replication_slots WHERE slot_name = {literal(feed.slot)}"
    )
    found = cursor.fetchall()
    if not found:
        return None
    confirmed, lost, ours = found[0]
    _require(dataset, ours, f"a slot {feed.slot} of another kind or database", "one of its own", "name another slot")
    return Slot(confirmed or 0, bool(lost))


def slot_for_snapshot(cursor: Any, feed: PostgresChanges, dataset: Dataset) -> int:
    """Sees to a slot that tells of all that follows, and gives a place in the log: what was committed before it is
    seen by every snapshot from now on, and nothing else ever stood before it.

    A slot that a killed load or the last reload left is as good as a new one: it tells more than is needed, and what
    the snapshot saw is left out. One that lost its log is made anew. Waits for the transactions that are under way.
    """
    with _alone(cursor, feed):
        slot = slot_of(cursor, feed, dataset)
        if slot is not None and slot.lost:
            one(cursor, f"SELECT pg_drop_replication_slot({literal(feed.slot)})::text")
        if slot is None or slot.lost:
            one(cursor, f"SELECT lsn::text FROM pg_create_logical_replication_slot({literal(feed.slot)}, '{PLUGIN}')")
    barrier = literal(f"opetence_{uuid4().hex}")  # gone with the session, whatever happens
    place, _ = one(
        cursor,
        f"SELECT (lsn - '0/0')::bigint, slot_name FROM pg_create_logical_replication_slot({barrier}, '{PLUGIN}', true)",
    )
    one(cursor, f"SELECT pg_drop_replication_slot({barrier})::text")
    return place


def snapshot_of(cursor: Any) -> Snapshot:
    """Begins the transaction that reads the whole table, and says what it sees."""
    cursor.execute(REPEATABLE)
    return Snapshot(*one(cursor, "SELECT pg_current_snapshot()::text, (pg_current_wal_insert_lsn() - '0/0')::bigint"))


def slot_behind_lake(cursor: Any, feed: PostgresChanges, dataset: Dataset, held: int) -> None:
    """Moves the slot to what the lake holds, so that the server may forget what lies before.

    Raises:
        DataError: the slot is gone, lost its log, or was moved by somebody else.
    """
    with _alone(cursor, feed):
        slot = slot_of(cursor, feed, dataset)
        reload = f"opetence run --select {dataset.name} --reload"
        told = "a slot that still tells what happened since the last load"
        _require(dataset, slot is not None, f"no slot {feed.slot}: it was dropped", told, reload)
        assert slot is not None
        _require(
            dataset,
            not slot.lost,
            f"slot {feed.slot} invalidated (wal_status lost): it fell too far behind",
            told,
            reload,
        )
        ahead = slot.confirmed - held
        _require(
            dataset,
            ahead <= 0,
            f"slot {feed.slot} {ahead:,} bytes ahead of the lake: changes are missing",
            told,
            reload,
        )
        if ahead < 0:
            one(cursor, f"SELECT pg_replication_slot_advance({literal(feed.slot)}, {lsn(held)})::text")


def peeked(cursor: Any, feed: PostgresChanges, at_most: int, batch_bytes: int) -> Iterator[bytes]:
    """The messages behind the slot's place, whole transactions, at least up to what is flushed now; moves nothing.

    The server decodes them all before the first is sent, and spills what is large to its disk.
    """
    with _alone(cursor, feed):
        cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(batch_bytes)})
        cursor.execute(
            f"SELECT data FROM pg_logical_slot_peek_binary_changes({literal(feed.slot)}, NULL, {at_most},"
            f" 'proto_version', '1', 'publication_names', {literal(quoted(feed.publication))})"
        )
        for batch in cursor.fetch_record_batch():
            yield from batch.column(0).to_pylist()


def flushed(cursor: Any) -> tuple[int, float]:
    """How far the log reaches safely, and the server's clock (Unix seconds)."""
    return one(
        cursor, "SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint, extract(epoch FROM clock_timestamp())::float8"
    )


def lsn(place: int) -> str:
    """A place in the log as SQL has it."""
    return f"'{place >> 32:X}/{place & 0xFFFFFFFF:X}'::pg_lsn"


def position_of(after: Any, feed: PostgresChanges) -> Mapping[str, Any] | None:
    """The lake's position, if it is one of this slot."""
    return after if isinstance(after, Mapping) and after.get("slot") == feed.slot else None


@contextmanager
def _alone(cursor: Any, feed: PostgresChanges) -> Generator[None]:
    """A transaction of one session at a time: two loads that start together need not fail."""
    cursor.execute("BEGIN READ ONLY")
    cursor.execute("SET LOCAL lock_timeout = '30min'")  # for the one before us
    one(cursor, f"SELECT pg_advisory_xact_lock(hashtext({literal('opetence slot ' + feed.slot)}))::text")
    yield
    cursor.execute("COMMIT")


def _require(dataset: Dataset, met: bool, found: str, allowed: str, next_command: str) -> None:
    if not met:
        raise DataError(dataset.name, found=found, allowed=allowed, next_command=next_command)
