"""The log's arithmetic: names, numbers, and how far it reaches without a gap."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from opetence_assets.postgres.wal import Segment, last_without_gap, lsn_of, lsn_text, segment_of

MEGABYTE = 2**20
sizes = st.sampled_from([2**power * MEGABYTE for power in range(11)])


def a_segment(number: int, *, timeline: int = 1, is_partial: bool = False) -> Segment:
    return Segment(Path(f"{timeline}-{number}"), timeline, number, is_partial)


@given(st.integers(0, 2**64 - 1))
def test_a_place_in_the_log_reads_as_it_is_written(lsn: int) -> None:
    assert lsn_of(lsn_text(lsn)) == lsn


@given(sizes, st.integers(0, 2**40), st.integers(1, 2**31), st.booleans())
def test_a_segment_is_known_by_its_name(size: int, lsn: int, timeline: int, is_partial: bool) -> None:
    """The name as PostgreSQL's ``pg_walfile_name`` makes it."""
    number = lsn // size
    per_log = 2**32 // size
    name = f"{timeline:08X}{number // per_log:08X}{number % per_log:08X}"
    found = segment_of(Path(name + (".partial" if is_partial else "")), size)
    assert found
    assert (found.name, found.number, found.timeline, found.is_partial) == (name, number, timeline, is_partial)


@given(st.sets(st.integers(0, 30)), st.integers(0, 30))
def test_the_log_ends_before_its_first_gap(numbers: set[int], first: int) -> None:
    last = last_without_gap([a_segment(number) for number in numbers], first)
    assert set(range(first, last + 1)) <= numbers
    assert last + 1 not in numbers


@given(st.integers(0, 5), st.integers(0, 5))
def test_what_follows_a_partial_segment_is_behind_a_gap(before: int, after: int) -> None:
    found = [a_segment(n, is_partial=n == before) for n in range(before + after + 1)]
    assert last_without_gap(found, 0) == before


def test_a_new_timeline_goes_on_where_the_old_one_was_left() -> None:
    found = [a_segment(0), a_segment(1, is_partial=True), a_segment(1, timeline=2), a_segment(2, timeline=2)]
    assert last_without_gap(found, 0) == 2
    unreceived = [a_segment(0), a_segment(1, is_partial=True), a_segment(2, timeline=2)]
    assert last_without_gap(unreceived, 0) == 2
