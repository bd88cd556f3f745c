"""The order that events have, whatever the order they arrive in."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from opetence_assets.sources.stripe_events import LAG_SECONDS, LAST_OF_SECOND, Listed, doubtful, in_order, place, shown


def event(id: str, created: int, of: str = "ch_1", kind: str = "charge.updated") -> dict[str, Any]:
    return {"id": id, "created": created, "type": kind, "data": {"object": {"id": of}}}


@given(st.lists(st.tuples(st.text(min_size=1), st.integers(0, 3)), unique_by=lambda e: e[0]), st.randoms())
def test_the_order_depends_on_the_events_alone(told: list[tuple[str, int]], chance: Any) -> None:
    events = [event(id, created) for id, created in told]
    shuffled = chance.sample(events, len(events))

    assert in_order(shuffled) == in_order(events)
    assert all(0 < place(each) < LAST_OF_SECOND for each in events)


@given(st.text(), st.text())
def test_an_objects_first_event_comes_first(first: str, second: str) -> None:
    birth, change = event(first, 1, kind="charge.succeeded"), event(second, 1)

    assert in_order([change, birth]) == [birth, change]


def test_only_the_newest_second_is_in_doubt() -> None:
    events = [event("a", 1), event("b", 1), event("c", 2), event("d", 2, of="ch_2"), event("e", 2, of="ch_2")]

    assert doubtful(events, None) == {"ch_2": 2}
    assert doubtful(events, None, alone={"c"}) == {"ch_1": 2, "ch_2": 2}
    assert doubtful(events, None, alone={"a"}) == {"ch_2": 2}


def test_an_event_that_appears_after_the_list_asks_on_the_lists_behalf() -> None:
    listed = Listed(100, frozenset({"a"}))

    assert shown(listed, event("a", 100))
    assert shown(listed, event("x", 99 - LAG_SECONDS))
    assert not shown(listed, event("x", 99))
    assert doubtful([event("x", 99)], listed) == {"ch_1": 100}
    assert doubtful([event("x", 101)], listed) == {}
