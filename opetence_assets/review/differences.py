"""Two sets of versions, compared table by table: rows that came, went and changed, and what sums become of it.

Files that both versions share hold the same rows: only the others are read, so the cost follows the change.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl

from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import Table, open_table

RATES = re.compile(r"^average_|_rate$|_per_|_share$|^retention$|^used$")  # decimals that do not add up, by gold's names

if TYPE_CHECKING:
    Versions = Mapping[str, int]


@dataclass(frozen=True)
class TableDifference:
    """What becomes of one table.

    Attributes:
        changed: rows whose key stays and whose values do not; None where the table's key is not known.
        sums: amount → (before, after), where they differ.
    """

    key: str
    rows_before: int
    rows_after: int
    added: int
    removed: int
    changed: int | None
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    sums: Mapping[str, tuple[Decimal, Decimal]]

    @property
    def is_empty(self) -> bool:
        """Whether a reader would notice nothing."""
        touched = self.added or self.removed or self.changed or self.columns_added or self.columns_removed
        return not touched and not self.sums


def differences(
    lake: Lake, before: Versions, after: Versions, keys: Mapping[str, Collection[str]]
) -> list[TableDifference]:
    """Every table whose version is not the same in both, those that readers would notice first by name.

    Args:
        keys: lake key → the columns that are unique in it, where that is known.
    """
    found: list[TableDifference] = []
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            pair = _opened(lake, key, before.get(key)), _opened(lake, key, after.get(key))
            found.append(_difference(key, *pair, sorted(keys.get(key, ()))))
    return [difference for difference in found if not difference.is_empty]


def _opened(lake: Lake, key: str, version: int | None) -> Table | None:
    return None if version is None else open_table(lake, key, version)


def _difference(key: str, before: Table | None, after: Table | None, unique: list[str]) -> TableDifference:
    names = [set(table.schema.names) if table else set[str]() for table in (before, after)]
    old, new = _only_in(before, after), _only_in(after, before)
    shared = (
        sorted(n for n in names[0] & names[1] if n != "_version") if before and after else sorted(names[0] | names[1])
    )
    added, removed, changed = _moved(old, new, [n for n in unique if n in shared], shared)
    return TableDifference(
        key,
        before.rows if before else 0,
        after.rows if after else 0,
        added,
        removed,
        changed,
        tuple(sorted(names[1] - names[0])) if before else (),
        tuple(sorted(names[0] - names[1])) if after else (),
        _sums(before, old, new, shared),
    )


def _only_in(table: Table | None, other: Table | None) -> Table | None:
    if table is None:
        return None
    shared = {file.path for file in other.files} if other else set[str]()
    return table.only({file.path for file in table.files} - shared)


def _moved(old: Table | None, new: Table | None, unique: list[str], shared: list[str]) -> tuple[int, int, int | None]:
    """Rows added, removed and changed; without a key a changed row is one that went and one that came."""
    by = unique or shared
    read = [_digests(table, by, shared) if table else None for table in (old, new)]
    empty = next((frame.clear() for frame in read if frame is not None), None)
    if empty is None:
        return 0, 0, 0
    digests = [empty if frame is None else frame for frame in read]
    if not unique:
        counted = [d.group_by("digest").len() for d in digests]
        both = counted[0].join(counted[1], on="digest", how="full", coalesce=True).fill_null(0)
        more = (pl.col("len_right").cast(pl.Int64) - pl.col("len").cast(pl.Int64)).alias("more")
        moved = both.select(more)["more"]
        return int(moved.clip(0).sum()), int(-moved.clip(upper_bound=0).sum()), None
    came = digests[1].join(digests[0], on=by, how="anti", nulls_equal=True)
    went = digests[0].join(digests[1], on=by, how="anti", nulls_equal=True)
    both = digests[0].join(digests[1], on=by, how="inner", nulls_equal=True)
    return len(came), len(went), both.filter(pl.col("digest") != pl.col("digest_right")).height


def _digests(table: Table, by: list[str], shared: list[str]) -> pl.DataFrame:
    """The key columns and one number for all the values of each row."""
    keyed = [] if by == shared else [pl.col(name) for name in by]
    return table.scan().select(*keyed, pl.struct(shared).hash().alias("digest")).collect(engine="streaming")


def _sums(
    before: Table | None, old: Table | None, new: Table | None, shared: list[str]
) -> dict[str, tuple[Decimal, Decimal]]:
    """Column → its sum before and after; what only some files hold is set against the whole."""
    some = new or old
    if some is None:
        return {}
    types = some.scan().collect_schema()
    names = [n for n in shared if isinstance(types[n], pl.Decimal) and not RATES.search(n)]
    totals = [_totals(table, names) for table in (before, old, new)]
    found = {n: (totals[0][n], totals[0][n] - totals[1][n] + totals[2][n]) for n in names}
    return {name: pair for name, pair in found.items() if pair[0] != pair[1]}


def _totals(table: Table | None, names: list[str]) -> dict[str, Decimal]:
    if table is None or not table.files or not names:
        return dict.fromkeys(names, Decimal(0))
    row = table.scan().select(pl.col(names).sum()).collect(engine="streaming").row(0, named=True)
    return {name: Decimal(value or 0) for name, value in row.items()}
