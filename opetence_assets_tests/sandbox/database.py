"""Looking into the sandbox's database from its tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from opetence_assets.sources.postgres_server import opened
from sandbox import up
from sandbox.load import SCHEMAS, all_tables
from sandbox.story import Story
from sandbox.table import Table


@cache
def owner(home: Path) -> str:
    """The services' own connection string; it stays while the home does."""
    return up(home).owner_uri


def ask(home: Path, question: str) -> list[tuple]:
    """The rows that the services' role sees."""
    with opened(owner(home)) as connection, connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchall()


def order(home: Path, *statements: str) -> None:
    """Run statements as the services' role, in one transaction."""
    with opened(owner(home)) as connection, connection.cursor() as cursor:
        for statement in ("BEGIN", *statements, "COMMIT"):
            cursor.execute(statement)


def wipe(home: Path) -> None:
    order(home, *(f"DROP SCHEMA IF EXISTS {schema} CASCADE" for schema in SCHEMAS))


def checksums(home: Path) -> dict[str, str]:
    """A digest of all rows of each table, whatever their order on disk."""
    digest = "SELECT '{0}', md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM {0} t"
    return dict(ask(home, " UNION ALL ".join(digest.format(table.name) for table in all_tables())))


def stored(home: Path, table: Table, like: pl.DataFrame) -> pl.DataFrame:
    """The columns of ``like`` as the database has them, all as text, sorted."""
    chosen = (f"{name}::text" if type.is_decimal() else name for name, type in like.schema.items())
    with opened(owner(home)) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(chosen)} FROM {table.name}")
        found = pl.DataFrame(pl.from_arrow(cursor.fetch_arrow_table()))
    return found.select(pl.all().cast(pl.String)).sort(like.columns)


def told(story: Story, table: Table) -> pl.DataFrame:
    """All rows of a table at the story's moment, told in one piece."""
    return table.rows(story, np.arange(table.size(story, story.now), dtype=np.int64), story.now)


def as_text(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(pl.all().cast(pl.String)).sort(rows.columns)
