"""A few weeks of backups: ``python -m opetence_assets_tests.backup.years 10`` lives the rest."""

from __future__ import annotations

from datetime import datetime

from opetence_assets_tests.backup.years import home, lived


def test_every_copy_holds_what_the_policy_asks_and_nothing_else_day_by_day() -> None:
    with home(seed=datetime.now().toordinal()) as life:
        lived(life, 18)
        assert life.seen["comparisons"] == 2 * life.seen["days"]
