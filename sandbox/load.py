"""The seed: one transaction that makes the tables, copies the rows in and adds keys, indexes and triggers.

Rows travel as Arrow through ADBC's binary COPY, exact for decimals; the next batch is made while one is copied.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sandbox import Progress, SandboxError
from sandbox.local_env import note_moment
from sandbox.server import Server, exclusive, started

if TYPE_CHECKING:
    import polars as pl
    from adbc_driver_manager.dbapi import Connection, Cursor

    from sandbox.story import Story
    from sandbox.table import Table

    Piece = tuple[Table, pl.DataFrame, int, int]

BATCH = 25_000  # things of a table at once: some 75 000 order items, 20 MB
ROOM = timedelta(days=30)  # ticks that fit between the default seed and now
SCHEMAS = ("sandbox", "order_service", "product_service", "user_service", "logistics_service")


def seeded(home: Path, scale: float, seed: int, until: date | None, progress: Progress | None) -> Story:
    """See `sandbox.seed`."""
    from sandbox.company.process import running
    from sandbox.partners import deliver_seeded
    from sandbox.story import Story

    if not (math.isfinite(scale) and 0 < scale <= 1000):
        raise SandboxError(f"scale is {scale}; allowed: above 0, at most 1000")
    if until and until > datetime.now(UTC).date():
        raise SandboxError(
            f"until is {until}, in the future; allowed: today or earlier, as no order is from the future"
        )
    server = started(home)
    with exclusive(server.home, "story"), connect(server) as connection:
        told = current_story(connection)
        wanted = Story(seed, float(scale), until or (told.until if told else _yesterday_with_room()))
        if told is None:
            _load(connection, wanted, progress)
            _vacuum(server)
        elif (told.seed, told.scale, told.until) != (wanted.seed, wanted.scale, wanted.until):
            raise SandboxError(
                f"the sandbox in {server.home} tells {_named(told)}, not {_named(wanted)}; allowed: the same again. "
                f"Next: opetence sandbox down, remove {server.home / 'sandbox'} and {server.home / 'drop'}, seed again"
            )
        deliver_seeded(server.home, wanted, progress)
        running(server.home, lambda: told or wanted)
        note_moment(server.home, (told or wanted).now)
        return told or wanted


def connect(server: Server) -> Connection:
    """A connection as the services' role; nothing is committed unless asked for."""
    from adbc_driver_postgresql import dbapi

    return dbapi.connect(server.owner_uri)


def stored_story(server: Server) -> Story | None:
    """What a running server holds."""
    with connect(server) as connection:
        return current_story(connection)


def current_story(connection: Connection) -> Story | None:
    """What the sandbox tells and how far it has got, or None before the seed."""
    from sandbox.story import Story

    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('sandbox.story') IS NOT NULL")
        if not _only(cursor)[0]:
            return None
        cursor.execute("SELECT seed, scale, until, ticks FROM sandbox.story")
        seed, scale, until, ticks = _only(cursor)
        return Story(seed, float(scale), until, ticks)


def all_tables() -> tuple[Table, ...]:
    from sandbox import delivery, goods, orders, people

    return people.TABLES + goods.TABLES + orders.TABLES + delivery.TABLES


def copy_in(cursor: Cursor, table: str, rows: pl.DataFrame) -> None:
    """Append rows to ``schema.table`` or, without a schema, to a temporary table."""
    schema, _, name = table.rpartition(".")
    cursor.adbc_ingest(name, rows.to_arrow(), mode="append", db_schema_name=schema or None, temporary=not schema)


def execute_file(cursor: Cursor, name: str) -> None:
    """Run a file of `schema/`, statement by statement, inside the open transaction."""
    text = (Path(__file__).parent / "schema" / name).read_text()
    for statement in text.split(";\n"):
        if statement.strip():
            cursor.execute(statement)


def _only(cursor: Cursor) -> tuple[Any, ...]:
    row = cursor.fetchone()
    if row is None:
        raise SandboxError(
            "the sandbox has lost its story; allowed: one row in sandbox.story. Next: remove it and seed"
        )
    return row


def _yesterday_with_room() -> date:
    return datetime.now(UTC).date() - ROOM


def _named(story: Story) -> str:
    return f"seed {story.seed} at scale {story.scale:g} until {story.until}"


def _load(connection: Connection, story: Story, progress: Progress | None) -> None:
    with connection.cursor() as cursor:
        for schema in SCHEMAS:
            cursor.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        execute_file(cursor, "tables.sql")
        for table, rows, done, size in _ahead(_batches(story)):
            copy_in(cursor, table.name, rows)
            if progress:
                progress(table.name, done, size)
        if progress:
            progress("keys and indexes", 0, 1)
        execute_file(cursor, "after_load.sql")
        cursor.execute("INSERT INTO sandbox.story VALUES ($1, $2, $3, 0)", (story.seed, repr(story.scale), story.until))
    connection.commit()
    if progress:
        progress("keys and indexes", 1, 1)


def _batches(story: Story) -> Iterator[Piece]:
    """Every table's rows at the story's start, in bounded pieces, with how far its table has got."""
    import numpy as np

    for table in all_tables():
        size = table.size(story, story.now)
        for low in range(0, size, BATCH):
            high = min(low + BATCH, size)
            yield table, table.rows(story, np.arange(low, high, dtype=np.int64), story.now), high, size


def _ahead(items: Iterator[Piece]) -> Iterator[Piece]:
    """The same items, the next one being made in a thread while one is used."""
    from concurrent.futures import ThreadPoolExecutor

    nothing = object()
    with ThreadPoolExecutor(1) as worker:
        pending = worker.submit(next, items, nothing)
        while (item := pending.result()) is not nothing:
            pending = worker.submit(next, items, nothing)
            yield cast("Piece", item)


def _vacuum(server: Server) -> None:
    """Statistics and visibility for the planner; cannot be part of a transaction and need not be."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(server.owner_uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) " + ", ".join(table.name for table in all_tables()))
