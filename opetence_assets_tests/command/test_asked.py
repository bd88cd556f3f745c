"""What a run is asked for, as its steps are configured; what cannot be meant is refused before anything starts."""

from __future__ import annotations

from datetime import date

import pytest
import typer

from opetence_assets.command.phases import Asked
from opetence_assets.command.rebuild import rebuild
from opetence_assets.command.run import run
from opetence_assets.dataset import DataError


def test_days_and_a_hold_are_golds_to_know() -> None:
    first, end = date(2026, 3, 1), date(2026, 3, 4)

    assert Asked().gold == {}
    assert Asked(rebuild_from=first).gold == {"rebuild_from": "2026-03-01"}
    assert Asked(hold=True, rebuild_from=first, rebuild_to=end).gold == {
        "rebuild_from": "2026-03-01",
        "rebuild_to": "2026-03-04",
        "hold": True,
    }


def test_a_feed_by_the_day_is_not_read_whole_to_be_rebuilt() -> None:
    with pytest.raises(DataError, match="the days of bronze/partners/facebook_ads"):
        rebuild(["partners/facebook_ads"], reload=True)
    with pytest.raises(DataError, match="no such dataset"):
        rebuild(["partners/unheard_of"], reload=True)


@pytest.mark.parametrize(("first", "end"), [("", "2026-03-01"), ("the first of March", "")])
def test_days_that_cannot_be_meant_are_refused(first: str, end: str) -> None:
    with pytest.raises(typer.BadParameter, match="allowed"):
        run(rebuild_from=first, rebuild_to=end)
