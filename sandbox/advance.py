"""The next day: what differs between the story at one midnight and at the next, applied in one transaction.

Time is the story's, not the clock's: `updated_at` is written explicitly, which the triggers respect.
"""

# ruff: noqa: S608  (every name in a statement is one of our own tables or columns)

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from sandbox import Progress, SandboxError
from sandbox.company.process import running
from sandbox.goods import how_many_products, weight_grams
from sandbox.load import all_tables, connect, copy_in, current_story
from sandbox.local_env import note_moment
from sandbox.orders import late_orders
from sandbox.partners import deliver_day
from sandbox.server import exclusive, started
from sandbox.story import HOUR, Story
from sandbox.table import Table, moment

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Cursor

NEW_COLUMN_TICK = 3
LATE_TABLES = ("order_service.orders", "order_service.order_items")


def ticked(home: Path, progress: Progress | None) -> Story:
    """See `sandbox.tick`."""
    server = started(home)
    with exclusive(server.home, "story"), connect(server) as connection:
        story = current_story(connection)
        if story is None:
            raise SandboxError(
                f"the sandbox in {server.home} is empty; allowed: after a seed. Next: opetence sandbox up"
            )
        after = replace(story, ticks=story.ticks + 1)
        if after.now > datetime.now(UTC).timestamp() * 1_000_000:
            raise SandboxError(
                f"the next day of the sandbox is {story.today}, which is not over yet (UTC); allowed: past days. "
                "Next: wait for midnight, or seed a new sandbox with an earlier --until"
            )
        deliver_day(server.home, story)  # before the commit: a day that is told has its files
        tables = all_tables()
        with connection.cursor() as cursor:
            for number, table in enumerate(tables):
                if progress:
                    progress(table.name, number, len(tables))
                _advance(cursor, story, after, table)
            if after.ticks == NEW_COLUMN_TICK:
                _add_weights(cursor, after)
            cursor.execute("UPDATE sandbox.story SET ticks = $1", (after.ticks,))
        connection.commit()
        running(server.home, lambda: after)
        note_moment(server.home, after.now)
    if progress:
        progress("day " + str(story.today), len(tables), len(tables))
    return after


def _advance(cursor: Cursor, story: Story, after: Story, table: Table) -> None:
    """Bring one table from one midnight to the next: deletions, then changes and new rows."""
    if table.gone is not None:
        _delete(cursor, table, table.gone(story, story.now, after.now))
    things = table.touched(story, table, story.now, after.now)
    if table.moved is not None:
        _move(cursor, table, table.moved(story, things, story.now, after.now))
        return
    rows = table.rows(story, things, after.now).filter(pl.col(table.cursor) >= moment(story.now))
    if table.name in LATE_TABLES:
        rows = pl.concat([rows, table.rows(story, late_orders(story, story.now), after.now)])
    if table.key:
        _upsert(cursor, table, rows)
    else:
        copy_in(cursor, table.name, rows)


def _stage(cursor: Cursor, table: Table, rows: pl.DataFrame, columns: str = "*") -> str:
    """Copy rows into a temporary table like the target's columns; gives its name."""
    staged = "staged_" + table.name.replace(".", "_")
    cursor.execute(f"DROP TABLE IF EXISTS {staged}")
    cursor.execute(f"CREATE TEMPORARY TABLE {staged} ON COMMIT DROP AS SELECT {columns} FROM {table.name} WITH NO DATA")
    copy_in(cursor, staged, rows)
    return staged


def _delete(cursor: Cursor, table: Table, keys: pl.DataFrame) -> None:
    staged = _stage(cursor, table, keys, ", ".join(table.key))
    same = " AND ".join(f"t.{column} = s.{column}" for column in table.key)
    cursor.execute(f"DELETE FROM {table.name} t USING {staged} s WHERE {same}")


def _upsert(cursor: Cursor, table: Table, rows: pl.DataFrame) -> None:
    staged = _stage(cursor, table, rows)
    columns = ", ".join(rows.columns)
    changed = ", ".join(f"{column} = excluded.{column}" for column in rows.columns if column not in table.key)
    cursor.execute(
        f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM {staged} "
        f"ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {changed}"
    )


def _move(cursor: Cursor, table: Table, rows: pl.DataFrame) -> None:
    """A table without a key: change the row that each replaces, found by its first column and its cursor."""
    key, *_ = columns = [column for column in rows.columns if column != "was"]
    staged = _stage(cursor, table, rows, f"*, {table.cursor} AS was")
    changed = ", ".join(f"{column} = s.{column}" for column in columns)
    cursor.execute(
        f"UPDATE {table.name} t SET {changed} FROM {staged} s WHERE t.{key} = s.{key} AND t.{table.cursor} = s.was"
    )
    names = ", ".join(columns)
    cursor.execute(f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {staged} WHERE was IS NULL")


def _add_weights(cursor: Cursor, after: Story) -> None:
    """The schema drifts: products get a column, filled for all at eleven in the evening."""
    import numpy as np

    product = np.arange(how_many_products(after), dtype=np.int64)
    cursor.execute("ALTER TABLE product_service.products ADD COLUMN weight_grams int")
    cursor.execute(
        "CREATE TEMPORARY TABLE weights (product_id bigint, weight_grams int, at timestamptz) ON COMMIT DROP"
    )
    weights = pl.DataFrame({"product_id": product + 1, "weight_grams": weight_grams(after, product)})
    copy_in(cursor, "weights", weights.with_columns(at=moment(after.now - HOUR)))
    cursor.execute(
        "UPDATE product_service.products p SET weight_grams = w.weight_grams, "
        "updated_at = greatest(p.updated_at + interval '1 microsecond', w.at) "
        "FROM weights w WHERE w.product_id = p.product_id"
    )
