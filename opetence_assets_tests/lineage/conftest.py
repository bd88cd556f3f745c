"""The graph of the whole company, made once a process."""

from __future__ import annotations

import pytest

from opetence_assets.datasets import all_datasets
from opetence_assets.lineage.columns import made_graph
from opetence_assets.lineage.graph import Graph
from opetence_assets_tests.lineage.project import content


@pytest.fixture(scope="session")
def graph() -> Graph:
    return made_graph(content(), all_datasets())
