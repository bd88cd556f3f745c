"""The messages of PostgreSQL's own logical decoding (``pgoutput``, protocol 1, values as text), decoded.

https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final


class Unchanged:
    """Stands for a large value that an update left as it was: the server does not send those."""

    def __repr__(self) -> str:
        return "UNCHANGED"


UNCHANGED: Final = Unchanged()
Value = str | None | Unchanged
Row = tuple[Value, ...]

_BEGIN, _COMMIT = struct.Struct(">qqI"), struct.Struct(">Bqqq")
_COLUMN = struct.Struct(">Ii")
_COUNT, _OID, _LENGTH = struct.Struct(">H"), struct.Struct(">I"), struct.Struct(">I")
EPOCH_MICROS = 946_684_800_000_000  # of 2000-01-01, where PostgreSQL's clock starts


@dataclass(frozen=True)
class Begin:
    """A transaction starts: where its commit stands in the log, when that was (Unix microseconds), and its id."""

    lsn: int
    at: int
    xid: int


@dataclass(frozen=True)
class Commit:
    """A transaction ends; ``end`` is the place in the log right after it."""

    lsn: int
    end: int
    at: int


@dataclass(frozen=True)
class Relation:
    """A table as it was when the changes that follow were made: told again whenever that differs."""

    oid: int
    schema: str
    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Insert:
    oid: int
    new: Row


@dataclass(frozen=True)
class Update:
    """``old`` is the key before (other columns null) where it changed, or with ``whole`` the whole row before."""

    oid: int
    old: Row | None
    whole: bool
    new: Row


@dataclass(frozen=True)
class Delete:
    """``old`` is the key, or with ``whole`` the whole row."""

    oid: int
    old: Row
    whole: bool


@dataclass(frozen=True)
class Truncate:
    oids: tuple[int, ...]


Message = Begin | Commit | Relation | Insert | Update | Delete | Truncate


def decoded(data: bytes) -> Message | None:
    """A message; None for those that change no row (types, origins, messages of applications).

    Raises:
        ValueError: not a message of protocol 1; the text says its kind and nothing of its content.
    """
    try:
        return _decoded(data)
    except (struct.error, IndexError, UnicodeDecodeError):
        raise ValueError(f"a message of kind {data[:1]!r} that ends or reads otherwise than pgoutput's") from None


def _decoded(data: bytes) -> Message | None:
    match data[:1]:
        case b"I":
            return Insert(_oid(data), _row(data, 6)[0])
        case b"U":
            return _update(data)
        case b"D":
            return Delete(_oid(data), _row(data, 6)[0], whole=data[5:6] == b"O")
        case b"B":
            lsn, at, xid = _BEGIN.unpack_from(data, 1)
            return Begin(lsn, at + EPOCH_MICROS, xid)
        case b"C":
            _, lsn, end, at = _COMMIT.unpack_from(data, 1)
            return Commit(lsn, end, at + EPOCH_MICROS)
        case b"R":
            return _relation(data)
        case b"T":
            (count,) = _OID.unpack_from(data, 1)
            return Truncate(struct.unpack_from(f">{count}I", data, 6))
        case b"Y" | b"O" | b"M":
            return None
        case kind:
            raise ValueError(f"a message of kind {kind!r}, which protocol 1 has not")


def oid_of(data: bytes) -> int | None:
    """The table that an insert, update or delete is about, without decoding it; None for every other message."""
    return _oid(data) if data[:1] in (b"I", b"U", b"D") else None


def _oid(data: bytes) -> int:
    return _OID.unpack_from(data, 1)[0]


def _update(data: bytes) -> Update:
    kind = data[5:6]
    if kind == b"N":
        return Update(_oid(data), None, whole=False, new=_row(data, 6)[0])
    old, at = _row(data, 6)
    return Update(_oid(data), old, whole=kind == b"O", new=_row(data, at + 1)[0])


def _relation(data: bytes) -> Relation:
    schema, at = _text(data, 5)
    name, at = _text(data, at)
    (count,) = _COUNT.unpack_from(data, at + 1)
    at += 3
    columns: list[str] = []
    for _ in range(count):
        column, at = _text(data, at + 1)
        columns.append(column)
        at += _COLUMN.size
    return Relation(_oid(data), schema or "pg_catalog", name, tuple(columns))


def _row(data: bytes, at: int) -> tuple[Row, int]:
    """A row's values and where the next thing starts."""
    (count,) = _COUNT.unpack_from(data, at)
    at += 2
    values: list[Value] = []
    for _ in range(count):
        kind = data[at]
        at += 1
        if kind == 0x74:  # t: text
            (length,) = _LENGTH.unpack_from(data, at)
            at += 4
            if at + length > len(data):
                raise IndexError
            values.append(data[at : at + length].decode())
            at += length
        elif kind == 0x6E:  # n: null
            values.append(None)
        elif kind == 0x75:  # u: unchanged
            values.append(UNCHANGED)
        else:
            raise ValueError(f"a value of kind {bytes((kind,))!r}; only text was asked for")
    return tuple(values), at


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(b"\0", at)
    return data[at:end].decode(), end + 1
