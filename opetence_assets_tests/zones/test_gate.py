"""Some schedules of what may be run; a hundred: ``python -m opetence_assets_tests.zones.gate 100``."""

from __future__ import annotations

import pytest

from opetence_assets_tests.zones.gate import prove

pytestmark = pytest.mark.dagster


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_no_schedule_brings_a_failing_table_to_readers() -> None:
    prove(3)
