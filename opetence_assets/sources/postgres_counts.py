"""What a table holds, counted in the snapshot of a read: distinct keys, and those of the last days by day.

Counting all keys reads the smallest index (the table, where keys may repeat). By day only the last week is
counted, through the cursor's index: never a second read of the whole table.
"""

# ruff: noqa: S608  (every name in a statement is one of a declaration, quoted)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any

from opetence_assets.dataset import Dataset
from opetence_assets.sources.postgres_server import key_list, literal, one
from opetence_assets.sources.postgres_types import Column, quoted

DAYS = 7  # whole days before the newest row's
MOMENT = "timestamp with time zone"  # its day is UTC's, as the session's zone is


@dataclass(frozen=True)
class Indexes:
    """What a table's indexes are good for: sets of columns that are unique, and columns that a range is found by."""

    unique: tuple[frozenset[str], ...]
    first: frozenset[str]


def indexes(cursor: Any, relation: str) -> Indexes:
    """Of every index over all rows; none of a view."""
    cursor.execute(
        "SELECT bool_or(indisunique), array_agg(attname::text), max(attname::text) FILTER (WHERE attnum = indkey[0])"
        " FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey)"
        f" WHERE indrelid = to_regclass({literal(relation)}) AND indpred IS NULL GROUP BY indexrelid"
    )
    found = cursor.fetchall()
    unique = tuple(frozenset(columns) for is_unique, columns, _ in found if is_unique)
    return Indexes(unique, frozenset(first for *_, first in found if first))


def counting(relation: str, dataset: Dataset, known: Indexes) -> str:
    """The query that counts the distinct keys; only where keys may repeat need they be told apart."""
    if _is_unique(dataset, known):
        return f"SELECT count(*) FROM {relation}"
    return f"SELECT count(*) FROM (SELECT DISTINCT {key_list(dataset.key)} FROM {relation}) AS keys"


def keys_by_day(
    cursor: Any, relation: str, dataset: Dataset, columns: Sequence[Column], known: Indexes
) -> dict[date, int] | None:
    """The keys of the last days, each counted on the day of its event.

    A row changes no earlier than it happens: what happened since is among what changed since, and the cursor's index
    finds that. None where no day is declared, or where it could be told only by reading the whole table.
    """
    types = {column.name: column.type for column in columns}
    event, moved = dataset.day_column, dataset.cursor
    if event is None or moved is None or moved not in known.first:
        return None
    if types.get(moved) != MOMENT or types.get(event) not in (MOMENT, "date"):
        return None
    (newest,) = one(cursor, f"SELECT least(max({quoted(moved)}), now()) FROM {relation}")
    if newest is None:
        return None
    first = newest.astimezone(UTC).date() - timedelta(days=DAYS)
    rows = f"FROM {relation} WHERE {quoted(moved)} >= {literal(f'{first} 00:00+00')}"
    days = f"SELECT {quoted(event)}::date AS day {rows}"
    if not _is_unique(dataset, known):  # a key's newest row says when it was
        key = key_list(dataset.key)
        days = f"SELECT DISTINCT ON ({key}) {quoted(event)}::date AS day {rows} ORDER BY {key}, {quoted(moved)} DESC"
    cursor.execute(f"SELECT day::text, count(*) FROM ({days}) AS keys WHERE day >= {literal(str(first))} GROUP BY 1")
    return {first: 0} | {date.fromisoformat(day): keys for day, keys in cursor.fetchall()}


def _is_unique(dataset: Dataset, known: Indexes) -> bool:
    return any(columns <= set(dataset.key) for columns in known.unique)
