"""A share of the kills: ``python -m opetence_assets_tests.backup.kills 300`` does the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from opetence_assets_tests.backup.kills import prepared, rehearsed

STEPS = {"back_up": 60, "copy": 200, "restore": 30, "collect": 9, "heal": 5}


@pytest.mark.parametrize("name", STEPS)
def test_a_killed_job_is_made_good_by_running_it_again_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    assert rehearsed(name, prepared(name, tmp_path / name), STEPS[name]) == []
