"""The example of the guide is a declaration that stands."""

from __future__ import annotations

import re
from pathlib import Path

from opetence_assets.dataset import Dataset
from opetence_assets.refinement.shape import silver_types

GUIDE = Path(__file__).parents[2] / "docs/guide/airbyte-and-fivetran.md"


def test_the_guides_declarations_stand() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    told: dict[str, object] = {}

    exec(compile(code, str(GUIDE), "exec", dont_inherit=True), told)

    declared = {value.name: value for value in told.values() if isinstance(value, Dataset)}
    assert set(declared) == {"demo/users", "crm/account"}
    assert list(silver_types(declared["demo/users"])) == ["id", "updated_at"]
    assert {dataset.feed.kind for dataset in declared.values()} == {"airbyte", "fivetran"}
