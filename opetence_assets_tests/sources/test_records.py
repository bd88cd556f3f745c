"""Records become rows of text, exactly, and what was not declared is neither lost nor in the clear."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from opetence_assets.sources.records import Noticed, Shape, broken, tabled
from opetence_assets.sources.texts import moment_of

SHAPE = Shape(
    {"id": "id", "mail": "who.mail", "first": "tags.0", "at": "at"}, ignored=("junk", "who.nick"), cursor="at"
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def rows(*records: dict[str, Any]) -> list[dict[str, Any]]:
    return tabled(records, SHAPE).to_pylist()


def test_values_keep_their_digits() -> None:
    found = [
        row["id"] for row in rows(*({"id": v} for v in (1, 2**70, 0.1, Decimal("1.10"), True, None, "x", [1, "ä"])))
    ]

    assert found == ["1", str(2**70), "0.1", "1.10", "true", None, "x", '[1,"ä"]']


def test_paths_lead_into_structures_and_lists() -> None:
    (row,) = rows({"id": 1, "who": {"mail": "a@b", "nick": "x"}, "tags": ["t0", "t1"], "junk": {"a": 1}})

    assert (row["mail"], row["first"], row["undeclared"]) == ("a@b", "t0", None)


def test_undeclared_fields_are_kept_together_and_named() -> None:
    noticed = Noticed()
    table = tabled([{"id": 1, "who": {"age": 3}, "new": [1]}, {"id": 2, "who": "now a name"}], SHAPE, noticed)

    assert [json.loads(value) for value in table["undeclared"].to_pylist()] == [
        {"who.age": 3, "new": [1]},
        {"who": "now a name"},
    ]
    assert noticed.undeclared == {"who.age", "new", "who"}


def test_a_lone_surrogate_breaks_its_record_only() -> None:
    bad, good = rows({"id": "a\ud800"}, {"id": "b"})

    assert (bad["id"], bad["_broken"], good["id"], good["_broken"]) == (None, "text with a lone surrogate", "b", None)
    assert "\\ud800" in bad["unreadable"]


def test_what_cannot_be_read_has_the_same_columns() -> None:
    assert broken(["{"], "not JSON", SHAPE).schema == tabled([], SHAPE).schema


def test_the_cursor_is_typed_however_it_is_spelled() -> None:
    spelled = ["2026-01-31T08:00:00Z", "2026-01-31T09:00:00.000+01:00", 1769846400, "2026-01-31 08:00:00", "soon", None]

    found = tabled([{"at": value} for value in spelled], SHAPE)["_cursor"].to_pylist()

    assert found == [datetime(2026, 1, 31, 8, tzinfo=UTC)] * 4 + [None, None]


@given(st.lists(st.dictionaries(st.sampled_from(["id", "who", "at", "new", "junk"]), JSON, max_size=4), max_size=4))
def test_no_record_is_lost_and_none_stops_the_others(records: list[dict[str, Any]]) -> None:
    table = tabled(records, SHAPE)

    assert len(table) == len(records)
    assert table.schema == tabled([], SHAPE).schema


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)))
def test_moments_survive_as_text(moment: datetime) -> None:
    frame = pl.DataFrame({"t": [moment.replace(tzinfo=UTC).isoformat(), moment.isoformat(), str(moment)]})

    assert frame.select(moment_of(pl.col("t"))).to_series().to_list() == [moment.replace(tzinfo=UTC)] * 3
