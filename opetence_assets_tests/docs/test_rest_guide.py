"""The guide's worked example is run as it is printed."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from opetence_assets import datasets
from opetence_assets.dataset import Dataset
from opetence_assets.ingestion.bronze import load
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import open_table
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings
from opetence_assets_tests.conformance.http_server import Faults, served

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "adding-a-rest-source.md"
CONNECTION, TABLE = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
NEWEST, OLDEST = "2026-02-02T09:00:00Z", "2026-01-31T08:15:00Z"


@pytest.fixture
def parcels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dataset]:
    """The example's declaration, put beside the others for the length of a test."""
    folder = tmp_path / "carrier"
    folder.mkdir()
    (folder / "__init__.py").write_text(CONNECTION)
    (folder / "parcels.py").write_text(TABLE)
    monkeypatch.setattr(datasets, "__path__", [*datasets.__path__, str(tmp_path)])
    yield import_module("opetence_assets.datasets.carrier.parcels").parcels
    for name in [name for name in sys.modules if name.startswith("opetence_assets.datasets.carrier")]:
        del sys.modules[name]


def parcel(number: int, changed: str) -> dict[str, Any]:
    recipient = {"mail": f"p{number}@example.org"}
    return {
        "id": f"P{number}",
        "order": {"ref": f"O{number:010}"},
        "weight": 0.25 + number,
        "state": "moving",
        "recipient": recipient,
        "changed": changed,
    }


def test_a_table_has_at_most_forty_lines() -> None:
    assert len(TABLE.splitlines()) <= 40


def test_the_example_loads_what_the_carrier_sends(parcels: Dataset, lake: Lake, settings: Settings) -> None:
    sent = [parcel(n, OLDEST) for n in range(5)]

    def listed(request: Request) -> Any:
        assert request.headers["Authorization"] == "Bearer t0ken"
        since = datetime.fromisoformat(request.query_params.get("updated_after", OLDEST))
        found = [p for p in sent if datetime.fromisoformat(p["changed"]) >= since]
        page = int(request.query_params.get("page", 0))
        further = request.url.include_query_params(page=page + 1)
        links = {"next": str(further)} if len(found) > 2 * page + 2 else {}
        return {"parcels": found[2 * page : 2 * page + 2], "links": links}

    with served({"/v2/parcels": listed}, Faults()) as server:
        variables = {**settings.variables, "CARRIER_URL": server.url, "CARRIER_TOKEN": "t0ken"}
        connected = replace(settings, variables=variables)
        load(parcels, lake, connected)
        sent[0] = {**parcel(0, NEWEST), "state": "delivered"}
        load(parcels, lake, connected)
    refine(parcels, lake, settings.scratch)

    silver = open_table(lake, "silver/carrier/parcels")
    assert silver is not None
    rows = silver.scan().collect().sort("parcel_id")
    assert rows.select("parcel_id", "weight_kg", "state").row(0) == ("P0", 0.25, "delivered")
    assert len(rows) == 5
    assert "recipient_email" not in rows.columns
