"""A share of the random damages: ``python -m opetence_assets_tests.backup.damages 10000`` does the rest."""

from __future__ import annotations

import random
from pathlib import Path

from opetence_assets_tests.backup.damages import DAMAGES, judged, made, opens_with_another_key


def test_every_kind_of_damage_is_found_named_and_never_restored(tmp_path: Path) -> None:
    world, chance = made(tmp_path), random.Random(20261121)
    assert not opens_with_another_key(world)
    wrong = [one for kind in [*DAMAGES] * 3 for one in judged(world, kind, chance)]
    assert wrong == []
