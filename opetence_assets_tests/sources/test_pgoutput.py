"""The log's messages, as the protocol's description has them: each kind, cut anywhere, and of unknown kinds."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opetence_assets.sources.pgoutput import (
    UNCHANGED,
    Begin,
    Commit,
    Delete,
    Insert,
    Relation,
    Truncate,
    Update,
    decoded,
    oid_of,
)

OID = 16388
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
values = st.lists(st.one_of(st.none(), texts, st.just(UNCHANGED)), max_size=6).map(tuple)


def row(columns: tuple[object, ...]) -> bytes:
    def spelt(value: object) -> bytes:
        if value is None:
            return b"n"
        if value is UNCHANGED:
            return b"u"
        return b"t" + struct.pack(">I", len(str(value).encode())) + str(value).encode()

    return struct.pack(">H", len(columns)) + b"".join(map(spelt, columns))


def change(kind: bytes, *parts: bytes) -> bytes:
    return kind + struct.pack(">I", OID) + b"".join(parts)


@given(values, values)
def test_rows_are_read_as_they_were_written(old: tuple[object, ...], new: tuple[object, ...]) -> None:
    assert decoded(change(b"I", b"N", row(new))) == Insert(OID, new)
    assert decoded(change(b"U", b"N", row(new))) == Update(OID, None, False, new)
    assert decoded(change(b"U", b"K", row(old), b"N", row(new))) == Update(OID, old, False, new)
    assert decoded(change(b"U", b"O", row(old), b"N", row(new))) == Update(OID, old, True, new)
    assert decoded(change(b"D", b"K", row(old))) == Delete(OID, old, False)
    assert decoded(change(b"D", b"O", row(old))) == Delete(OID, old, True)


def test_transactions_tables_and_truncations() -> None:
    begin = b"B" + struct.pack(">qqI", 2**33 + 5, 1_000_000, 771)
    commit = b"C\0" + struct.pack(">qqq", 2**33 + 5, 2**33 + 99, 1_000_000)
    column = b"\x01id\0" + struct.pack(">Ii", 20, -1)
    relation = change(
        b"R", b"shop\0", "tüte\0".encode(), b"d", struct.pack(">H", 2), column, column.replace(b"id", b"to")
    )

    assert decoded(begin) == Begin(2**33 + 5, 946_684_801_000_000, 771)
    assert decoded(commit) == Commit(2**33 + 5, 2**33 + 99, 946_684_801_000_000)
    assert decoded(relation) == Relation(OID, "shop", "tüte", ("id", "to"))
    assert decoded(b"T" + struct.pack(">IBII", 2, 0, OID, 5)) == Truncate((OID, 5))
    assert decoded(b"Yanything") is decoded(b"Oanything") is decoded(b"Manything") is None


def test_a_change_names_its_table_before_it_is_decoded() -> None:
    assert oid_of(change(b"I", b"N", row(("1",)))) == OID
    assert oid_of(b"C\0" + bytes(24)) is None


@given(st.data())
def test_a_message_that_is_cut_off_is_refused_without_repeating_it(data: st.DataObject) -> None:
    message = change(b"U", b"K", row(("secret", None)), b"N", row(("secret", UNCHANGED, "ä")))
    cut = message[: data.draw(st.integers(1, len(message) - 1))]

    with pytest.raises(ValueError, match=r"pgoutput|kind") as refusal:
        decoded(cut)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("message", [b"", b"S\0\0\0\1\1", b"Z", change(b"I", b"N", b"\0\1b\0\0\0\1x")])
def test_other_protocols_are_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match="kind"):
        decoded(message)
