"""Whole batches and single messages are read alike, whatever the messages hold."""

from __future__ import annotations

import json
import string

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opetence_assets.sources.events import read, read_singly
from opetence_assets.sources.records import Noticed, Shape

SHAPE = Shape({"event_id": "event_id", "amount": "amount", "note": "note"}, ignored=("trace",))

names = st.sampled_from(["event_id", "amount", "note", "trace", "surprise", "ünïcode"])
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.text(string.printable, max_size=8)
)
values = st.recursive(scalars, lambda v: st.lists(v, max_size=2) | st.dictionaries(names, v, max_size=2), max_leaves=4)
alike = st.fixed_dictionaries({"event_id": st.text(max_size=5), "amount": st.integers(), "note": st.none() | st.text()})
records = alike | st.dictionaries(names, values, max_size=5)
spellings = st.builds(
    lambda record, spaced, escaped: json.dumps(record, separators=None if spaced else (",", ":"), ensure_ascii=escaped),
    records,
    st.booleans(),
    st.booleans(),
).map(lambda text: text.encode("utf-8", "surrogatepass"))
cut = st.builds(lambda message, share: message[: int(len(message) * share)], spellings, st.floats(0, 1))
odd = st.sampled_from(
    [
        b"", b"null", b"[]", b"17", b'"text"', b"{}", b"{", b"\xff\xfe", b"NaN", b'{"amount":NaN}', b'{"amount":1e400}',
        b'{"amount":-0}', b'{"amount":-0.0}', b'{"amount":1.10}', b'{"amount":1E5}', b'{"note":"\\ud83d"}',
        b'{"note":"\\ud83d\\ude00"}', b'{"note":"a","note":"b"}', b'{"note":"a\x00"}', b'{"note":"\\u0000"}',
        b'{"amount":18446744073709551615}', b'{"amount":9223372036854775808}', b'{"amount":01}', b'{"a":1}{"a":2}',
        b"\xef\xbb\xbf{}", b'{"note":"\xed\xa0\x80"}', b"[" * 2000, b'{"event_id":1}\n', b'{"amount":"1",}',
        b'{"":1}',
    ]
)  # fmt: skip
messages = st.lists(spellings | cut | odd | st.none() | st.binary(max_size=6), max_size=12)


def one_by_one(batch: list[bytes | None], noticed: Noticed) -> pa.Table:
    return pa.concat_tables([read([], SHAPE, noticed), *(read_singly(message, SHAPE, noticed) for message in batch)])


@settings(max_examples=400, deadline=None)
@given(messages)
def test_a_batch_reads_as_its_messages_do_one_by_one(batch: list[bytes | None]) -> None:
    together, apart = Noticed(), Noticed()

    found = read(batch, SHAPE, together)

    assert found.schema == read([], SHAPE, Noticed()).schema
    assert found.to_pylist() == one_by_one(batch, apart).to_pylist()
    assert together == apart


@pytest.mark.parametrize(
    ("message", "reason"),
    [(None, "no value"), (b"\xff", "not UTF-8"), (b'{"event_id":"E1","am', "not JSON"), (b"[1]", "not an object")],
)
def test_what_cannot_be_read_is_kept_with_its_reason(message: bytes | None, reason: str) -> None:
    (row,) = read([message], SHAPE, Noticed()).to_pylist()

    assert row["_broken"] == reason
    assert row["unreadable"] is not None
    assert (row["event_id"], row["amount"], row["undeclared"]) == (None, None, None)


def test_numbers_keep_their_digits_and_unknown_fields_are_noticed() -> None:
    noticed = Noticed()
    found = read([b'{"event_id":"a","amount":1.10,"extra":{"x":1}}', b'{"event_id":"b","amount":7}'], SHAPE, noticed)

    assert found["amount"].to_pylist() == ["1.10", "7"]
    assert found["undeclared"].to_pylist() == ['{"extra":{"x":1}}', None]
    assert noticed.undeclared == {"extra"}


def test_nested_fields_are_read_too() -> None:
    shape = Shape({"event_id": "event_id", "brand": "attributes.brand"})
    found = read([b'{"event_id":"a","attributes":{"brand":"B"}}'] * 2, shape, Noticed())

    assert found["brand"].to_pylist() == ["B", "B"]
