"""Where the lineage starts: at the sync that brings the rows, if somebody else runs one."""

from __future__ import annotations

import pytest

from opetence_assets.dataset import Dataset
from opetence_assets_tests.conformance.rigs import airbyte, fivetran, postgres

pytestmark = pytest.mark.dagster


@pytest.mark.parametrize("dataset", [airbyte.DATASET, fivetran.DATASET], ids=["airbyte", "fivetran"])
def test_a_sync_stands_before_its_source(dataset: Dataset) -> None:
    from opetence_assets.zones.bronze import source_spec, sync_specs

    (sync,) = sync_specs(dataset)

    assert sync.kinds == {dataset.feed.kind}
    assert [dep.asset_key for dep in source_spec(dataset).deps] == [sync.key]


def test_what_we_read_ourselves_has_none() -> None:
    from opetence_assets.zones.bronze import source_spec, sync_specs

    assert sync_specs(postgres.DATASET) == []
    assert list(source_spec(postgres.DATASET).deps) == []
