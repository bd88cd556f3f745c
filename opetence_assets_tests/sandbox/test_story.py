from __future__ import annotations

from datetime import date

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sandbox.story import DAY, LATE, SEEDED_DAYS, Story, edges, midnight, spread

STORY = Story(3, 1.0, date(2025, 6, 1))


@given(st.integers(0, 10**7))
def test_every_thing_gets_a_day(total: int) -> None:
    bounds = edges(STORY, total)
    assert bounds[0] == 0
    assert bounds[SEEDED_DAYS] == total
    assert (np.diff(bounds) >= 0).all()


def test_volume_grows_and_has_weeks() -> None:
    daily = np.diff(edges(STORY, 1_000_000))[:SEEDED_DAYS]
    assert daily[-60:].mean() > 1.5 * daily[:60].mean()
    by_weekday = daily[: 52 * 7].reshape(52, 7).mean(axis=0)
    assert by_weekday.max() > 1.2 * by_weekday.min()


@given(st.integers(400, 300_000), st.booleans())
def test_higher_numbers_happen_later_and_on_their_day(total: int, rush: bool) -> None:
    index = np.arange(total)
    when = spread(STORY, "thing", total, index, rush=rush)
    assert (np.diff(when.moment) >= 0).all()
    assert when.moment[0] >= STORY.start
    assert when.moment[-1] < STORY.now
    assert ((when.moment - STORY.start) // DAY == when.day).all()
    last_minutes = when.moment % DAY >= DAY - LATE
    assert (last_minutes == (when.to_midnight < when.rush)).all()


def test_time_moves_by_days() -> None:
    later = Story(3, 1.0, date(2025, 6, 1), ticks=4)
    assert later.now == midnight(date(2025, 6, 5))
    assert later.today == date(2025, 6, 5)
    assert later.start == STORY.start
