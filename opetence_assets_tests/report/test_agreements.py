"""How long a table was late is told exactly, whenever somebody looked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from opetence_assets.report.agreements import SPAN, time_kept

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
looks = st.lists(st.tuples(st.integers(0, 40 * 24), st.integers(0, 100)), min_size=1, unique_by=lambda look: look[0])


def ages(found: list[tuple[int, int]]) -> pl.DataFrame:
    """``found``: hours ago, and hours old the newest row was then."""
    rows = [(NOW - ago * HOUR, float(old * 3600)) for ago, old in found]
    return pl.DataFrame(
        rows, schema={"measured_at": pl.Datetime("us", "UTC"), "value": pl.Float64}, orient="row"
    ).reverse()


@given(looks, st.integers(0, 60))
def test_the_share_is_that_of_the_hours_in_which_the_newest_row_was_young(
    found: list[tuple[int, int]], limit: int
) -> None:
    share, alarms, since = time_kept(ages(found), limit * HOUR, NOW)

    seen = sorted(found, reverse=True)
    hours = min(seen[0][0], SPAN // HOUR)

    def is_late(ago: int) -> bool:  # in the hour that begins so many hours ago
        looked, old = [look for look in seen if look[0] >= ago][-1]
        return old + looked - ago >= limit

    late = [is_late(ago) for ago in range(hours, 0, -1)]
    assert since == NOW - hours * HOUR
    if hours:
        assert share is not None
        assert abs(share - (1 - sum(late) / hours)) < 1e-9
        assert alarms == sum(now and not before for before, now in zip([False, *late], late, strict=False))
    else:
        assert (share, alarms) in ((1.0, 0), (0.0, 1))


def test_nothing_measured_is_nothing_known() -> None:
    assert time_kept(ages([]), HOUR, NOW) == (None, 0, None)
