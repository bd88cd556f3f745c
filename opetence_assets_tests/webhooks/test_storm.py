"""The storm, small enough for every day; ``python -m opetence_assets_tests.webhooks.storm 10000`` is the large one."""

from __future__ import annotations

from opetence_assets.settings import Settings
from opetence_assets_tests.webhooks.storm import KILLS, storm


def test_killed_five_times_while_events_pour_in_silver_has_what_happened(settings: Settings) -> None:
    figures = storm(800, settings)

    assert figures["kills"] == KILLS
    assert figures["deliveries"] > figures["events"]
