"""Columns and what they are made of, from the source to gold; what a change of one of them reaches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, order=True)
class Column:
    """One column of one table: ``source/user_service/users`` (or bronze/…, silver/…, ``gold/<model>``) and its name."""

    table: str
    name: str

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"


@dataclass(frozen=True, order=True)
class Origin:
    """A column that another one is made from.

    Attributes:
        carried: its values go on in some form; false where they only decide or are counted (``count``, ``= 1``).
        by: what was done to the values, outermost last; nothing where they are only moved, chosen or reckoned with.
    """

    column: Column
    carried: bool = True
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Graph:
    """Every column of every zone.

    Attributes:
        made_of: every column → what it is made from.
        decides: every table → the columns that decide which rows it has: its query filters, joins or groups by them.
        exposures: what stands outside (a dashboard, a report) → the tables it reads.
        unread: models whose columns cannot be told → why. They are in no other part.
    """

    made_of: Mapping[Column, tuple[Origin, ...]]
    decides: Mapping[str, tuple[Column, ...]]
    exposures: Mapping[str, tuple[str, ...]]
    unread: Mapping[str, str] = field(default_factory=dict[str, str])

    @cached_property
    def makes(self) -> Mapping[Column, tuple[Column, ...]]:
        """Every column → those that are made from it."""
        found: dict[Column, list[Column]] = {}
        for column, origins in self.made_of.items():
            for origin in origins:
                found.setdefault(origin.column, []).append(column)
        return {column: tuple(sorted(set(made))) for column, made in found.items()}

    def columns_of(self, table: str) -> tuple[Column, ...]:
        """A table's columns, in their order."""
        return self._by_table.get(table, ())

    @cached_property
    def _by_table(self) -> Mapping[str, tuple[Column, ...]]:
        found: dict[str, list[Column]] = {}
        for column in self.made_of:
            found.setdefault(column.table, []).append(column)
        return {table: tuple(columns) for table, columns in found.items()}


@dataclass(frozen=True)
class Impact:
    """What a change of some columns reaches.

    Attributes:
        columns: made from them, at any distance.
        readers: tables whose query names one of them or of ``columns``: dropped or retyped, these break.
        tables: where a value or the choice of rows may change: ``readers``, and what is built from their rows.
        exposures: what reads one of ``tables``.
    """

    columns: tuple[Column, ...]
    readers: tuple[str, ...]
    tables: tuple[str, ...]
    exposures: tuple[str, ...]


def impact(graph: Graph, changed: Iterable[Column]) -> Impact:
    """Everything downstream of these columns, without the columns themselves."""
    start = set(changed)
    columns = _reached(start, graph.makes) - start
    hit = start | columns
    chosen = {table for table, named in graph.decides.items() if hit.intersection(named)}
    readers = chosen | {column.table for column in columns}
    # Where the rows are other ones, every column is, and so is whatever is made from it or chosen by it.
    rows, waiting = set(chosen), list(chosen)
    while waiting:
        reached = _reached(set(graph.columns_of(waiting.pop())), graph.makes)
        hit |= reached
        more = {table for table, named in graph.decides.items() if reached.intersection(named)} - rows
        rows |= more
        waiting += more
    tables = rows | {column.table for column in hit - start}
    exposures = {name for name, read in graph.exposures.items() if tables.intersection(read)}
    return Impact(tuple(sorted(columns)), tuple(sorted(readers)), tuple(sorted(tables)), tuple(sorted(exposures)))


def upstream(graph: Graph, column: Column) -> tuple[Column, ...]:
    """Every column that this one is made from, at any distance."""
    parents = {made: [origin.column for origin in origins] for made, origins in graph.made_of.items()}
    return tuple(sorted(_reached({column}, parents) - {column}))


def _reached(start: set[T], following: Mapping[T, Iterable[T]]) -> set[T]:
    seen, waiting = set(start), list(start)
    while waiting:
        for found in following.get(waiting.pop(), ()):
            if found not in seen:
                seen.add(found)
                waiting.append(found)
    return seen
