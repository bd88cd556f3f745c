"""Nested records become flat rows; a line that cannot be read waits in quarantine beside those that can."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal

import pytest

from opetence_assets.dataset import DataError
from opetence_assets.datasets.partners.braze_campaigns import braze_campaigns
from opetence_assets.ingestion.bronze import load
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import open_table
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings

RECORD = {
    "campaign_id": "B3001",
    "campaign_name": "Willkommen ✉",
    "sent_on": "2026-01-01",
    "stats": {"sent": 100, "delivered": 99, "opens": 40, "clicks": 4, "unsubscribes": 1},
    "cost": {"amount": "12.34", "currency": "EUR"},
}


def drop(settings: Settings, *lines: object) -> None:
    folder = settings.drop / "braze_campaigns"
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    (folder / "braze_campaigns_2026-01-01.jsonl.gz").write_bytes(gzip.compress(text.encode()))


def test_a_record_is_a_row(lake: Lake, settings: Settings) -> None:
    drop(settings, RECORD)
    load(braze_campaigns, lake, settings)
    refine(braze_campaigns, lake, settings.scratch)
    silver = open_table(lake, braze_campaigns.table("silver"))
    assert silver is not None

    (row,) = silver.scan().collect().to_dicts()

    assert row["cost"] == Decimal("12.34")
    assert (row["campaign_name"], row["sent"], row["unsubscribes"]) == ("Willkommen ✉", 100, 1)


def test_a_line_that_cannot_be_read_waits_in_quarantine(lake: Lake, settings: Settings) -> None:
    drop(settings, RECORD, '{"campaign_id": "B30\n', {**RECORD, "campaign_id": "B3002"})
    load(braze_campaigns, lake, settings)

    done = refine(braze_campaigns, lake, settings.scratch)

    assert (done.accepted, done.quarantined) == (2, 1)
    quarantine = open_table(lake, braze_campaigns.table("quarantine"))
    assert quarantine is not None
    assert "B30" not in str(quarantine.scan().drop("_sealed").collect().rows())


def test_an_undeclared_field_lands_sealed_and_is_named(lake: Lake, settings: Settings) -> None:
    drop(settings, {**RECORD, "audience": "alice@example.org"})

    done = load(braze_campaigns, lake, settings)

    assert done.undeclared == ("audience",)
    bronze = open_table(lake, braze_campaigns.table("bronze"))
    assert bronze is not None
    assert "alice" not in str(bronze.scan().drop("_sealed").collect().rows())


def test_a_file_that_was_cut_off_is_refused_whole(lake: Lake, settings: Settings) -> None:
    drop(settings, RECORD, json.dumps(RECORD)[:-20])

    with pytest.raises(DataError, match=r"braze_campaigns_2026-01-01\.jsonl\.gz: is cut off"):
        load(braze_campaigns, lake, settings)
