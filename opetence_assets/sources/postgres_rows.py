"""From the messages of the log to a table's changes, and from those to Arrow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opetence_assets.dataset import DataError, Dataset, DriftError
from opetence_assets.sources.pgoutput import (
    UNCHANGED,
    Begin,
    Commit,
    Delete,
    Insert,
    Relation,
    Row,
    Truncate,
    Update,
    Value,
    decoded,
    oid_of,
)
from opetence_assets.sources.postgres_server import literal
from opetence_assets.sources.postgres_text import typed, typed_where_possible
from opetence_assets.sources.postgres_types import Column

if TYPE_CHECKING:
    import pyarrow

DELETED, POSITION = "_deleted", "_position"


@dataclass(frozen=True)
class Change:
    """A row as it became, its values in the order of the columns; of a deleted one only the key."""

    values: Sequence[Value]
    deleted: bool
    position: str


@dataclass
class Log:
    """The log of one table, read from a place on; grows while its changes are taken.

    Attributes:
        after: transactions that were committed before this place are left out.
        saw: whether the snapshot has a transaction's rows already.
        end: the place right after the newest transaction read, of whatever table; 0: none.
        at: when that was committed, Unix seconds.
    """

    dataset: Dataset
    table: tuple[str, str]  # schema, name
    columns: Sequence[str]
    after: int
    saw: Callable[[int], bool]
    end: int = 0
    at: float = 0.0
    messages: int = 0
    _places: dict[int, list[int | None]] = field(default_factory=dict[int, list[int | None]])
    _begun: Begin = field(default_factory=lambda: Begin(0, 0, 0))
    _left_out: bool = False
    _number: int = 0

    def changes(self, messages: Iterable[bytes]) -> Iterator[Change]:
        """The table's changes in their order.

        Raises:
            DataError: the table was truncated, or the log cannot be read.
        """
        try:
            for data in messages:
                self.messages += 1
                oid = oid_of(data)
                if oid is None or not (self._left_out or oid not in self._places):
                    yield from self._change(data)
        except ValueError as error:
            raise self._refusal(f"{error} in the log", "messages of pgoutput, protocol 1") from None

    def _change(self, data: bytes) -> Iterator[Change]:
        match decoded(data):
            case Insert(oid, new):
                yield self._row(self._ordered(oid, new))
            case Update() as update:
                yield from self._updated(update)
            case Delete(oid, old):
                yield self._gone(self._ordered(oid, old))
            case Begin() as begun:
                self._begun, self._number = begun, 0
                self._left_out = begun.lsn < self.after or self.saw(begun.xid)
            case Commit(_, end, at):
                self.end, self.at = end, at / 1e6
            case Relation(oid, schema, name, columns):
                self._places.pop(oid, None)
                if (schema, name) == self.table:
                    at_name = {column: place for place, column in enumerate(columns)}
                    self._places[oid] = [at_name.get(column) for column in self.columns]
            case Truncate(oids) if not self._left_out and set(oids) & set(self._places):
                raise self._refusal("a TRUNCATE of the table", "rows that leave one by one, not all at once")
            case _:
                return

    def _updated(self, update: Update) -> Iterator[Change]:
        new = self._ordered(update.oid, update.new)
        if update.old is not None:
            old = self._ordered(update.oid, update.old)
            keys = self._keys
            new = [
                before if value is UNCHANGED and (update.whole or place in keys) else value
                for place, (value, before) in enumerate(zip(new, old, strict=True))
            ]
            if any(new[place] != old[place] for place in keys):
                yield self._gone(old)
        yield self._row(new)

    @property
    def _keys(self) -> list[int]:
        return [self.columns.index(name) for name in self.dataset.key]

    def _ordered(self, oid: int, row: Row) -> list[Value]:
        """A row's values in the order of our columns; null for a column that the table had not then."""
        return [None if place is None else row[place] for place in self._places[oid]]

    def _row(self, values: Sequence[Value]) -> Change:
        self._number += 1
        return Change(values, False, position(self._begun.lsn, self._number))

    def _gone(self, old: Sequence[Value]) -> Change:
        keys = self._keys
        only_key = [value if place in keys else None for place, value in enumerate(old)]
        self._number += 1
        return Change(only_key, True, position(self._begun.lsn, self._number))

    def _refusal(self, found: str, allowed: str) -> DataError:
        return DataError(
            self.dataset.name,
            found=found,
            allowed=allowed,
            next_command=f"check the source; if it is right: opetence run --select {self.dataset.name} --reload",
        )


def position(place: int, number: int = 0) -> str:
    """A place in the order of changes: where the transaction's commit stands in the log, and the number in it."""
    return f"{place:016X}{number:010d}"


@dataclass(frozen=True)
class Rows:
    """How changes become Arrow, in the very types of a selected row.

    Attributes:
        schema: of a selected row.
        now: the rows of some keys (column, and SQL tuples of them) as they are now.
    """

    dataset: Dataset
    columns: Sequence[Column]
    schema: pyarrow.Schema
    undeclared: Sequence[str]
    now: Callable[[Sequence[Column], Sequence[str]], pyarrow.Table]

    def table(self, changes: Sequence[Change]) -> pyarrow.Table:
        """The changes as rows, those whose large values the log has not as they are now.

        A row that is no longer there is left out: its deletion, or its new key, is told further on.

        Raises:
            DriftError: a value is not of its column's type of today.
        """
        import pyarrow as pa

        whole = [change for change in changes if UNCHANGED not in change.values]
        table = pa.Table.from_arrays(self._arrays([change.values for change in whole]), schema=self.schema)
        table = table.append_column(DELETED, pa.array([change.deleted for change in whole], pa.bool_()))
        table = table.append_column(POSITION, pa.array([change.position for change in whole], pa.large_string()))
        partial = [change for change in changes if UNCHANGED in change.values]
        return pa.concat_tables([table, self._read_again(partial, table.schema)]) if partial else table

    def placed(self, table: pyarrow.Table, place: int, **more: Any) -> pyarrow.Table:
        """A table whose rows stand at one place, with more columns of one value each."""
        import pyarrow as pa

        for name, value in (*more.items(), (POSITION, pa.scalar(position(place), pa.large_string()))):
            table = table.append_column(name, pa.repeat(value, len(table)))
        return table

    def _arrays(self, values: Sequence[Sequence[Any]]) -> list[pyarrow.Array]:
        by_column = list(zip(*values, strict=True)) or [()] * len(self.columns)
        return [self._array(column, texts) for column, texts in zip(self.columns, by_column, strict=True)]

    def _array(self, column: Column, texts: Sequence[Any]) -> pyarrow.Array:
        name, kind = column.name, self.schema.field(column.name).type
        zoneless = column.type.startswith("timestamp") and column.type.endswith("without time zone")
        if name in self.undeclared:  # sealed: what it was under another type is not worth a refusal
            return typed_where_possible(texts, kind, zoneless=zoneless)
        try:
            return typed(texts, kind, zoneless=zoneless)
        except ValueError as error:
            raise DriftError(
                self.dataset.name,
                (f"retyped: {name}",),
                found=f"{error} in column {name}: changes from before its type was changed",
                allowed="values of the column's type of today",
                next_command=f"opetence run --select {self.dataset.name} --reload",
            ) from None

    def _read_again(self, partial: Sequence[Change], schema: pyarrow.Schema) -> pyarrow.Table:
        import polars as pl
        import pyarrow as pa

        keys = [column for column in self.columns if column.name in self.dataset.key]
        places = [self.columns.index(column) for column in keys]
        texts = [[change.values[place] for place in places] for change in partial]
        tuples = {f"({', '.join(_value(v, c) for v, c in zip(row, keys, strict=True))})" for row in texts}
        changed = {
            column.name: self._array(column, t) for column, t in zip(keys, zip(*texts, strict=True), strict=True)
        }
        positions = pa.array([change.position for change in partial], pa.large_string())
        where = pl.DataFrame(pa.table({**changed, POSITION: positions}))
        found = pl.DataFrame(self.now(keys, sorted(tuples)))
        joined = where.join(found, on=list(self.dataset.key), how="inner").with_columns(pl.lit(False).alias(DELETED))
        return joined.select(schema.names).to_arrow().cast(schema)


def _value(value: Value, column: Column) -> str:
    return f"{literal(str(value))}::{column.type}"
