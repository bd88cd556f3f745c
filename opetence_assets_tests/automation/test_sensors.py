"""What is due is asked for once a state of its source, and never when the lake has it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from opetence_assets import resources
from opetence_assets.automation import sensors
from opetence_assets.dataset import DataError, Dataset, Freshness
from opetence_assets.datasets import dataset_named
from opetence_assets.ingestion.bronze import load
from opetence_assets.lake.places import Lake
from opetence_assets.refinement.silver import refine
from opetence_assets.resources import Platform
from opetence_assets.settings import Settings

pytestmark = [
    pytest.mark.dagster,
    pytest.mark.filterwarnings("ignore:The `__fields__` attribute is deprecated"),  # Dagster's own
]
ADS = dataset_named("partners/facebook_ads")
HEADER = "date,campaign_id,campaign_name,impressions,clicks,spend,currency\n"


@pytest.fixture(autouse=True)
def platform(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "_settings", lambda: settings)


def drop(settings: Settings, day: str, clicks: int = 3) -> Path:
    folder = settings.drop / "facebook_ads"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"facebook_ads_{day}.csv"
    file.write_text(f"{HEADER}{day},c1,Spring,100,{clicks},1.50,EUR\n")
    return file


def look(cursor: str | None) -> dg.SensorResult:
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance, cursor=cursor)
        found = sensors.dropped_files([ADS])(context, platform=Platform())
    assert isinstance(found, dg.SensorResult)
    return found


def asked(found: dg.SensorResult) -> list[tuple[list[str], str | None, str | None]]:
    return [
        (
            [key.path[0] for key in request.asset_selection or ()],
            request.tags.get(sensors.RANGE_START),
            request.tags.get(sensors.RANGE_END),
        )
        for request in found.run_requests or ()
    ]


def test_a_dropped_file_is_asked_for_once(settings: Settings) -> None:
    drop(settings, "2026-11-02")
    first = look(None)
    assert asked(first) == [(["bronze", "silver"], "2026-11-02", "2026-11-02")]
    assert asked(look(first.cursor)) == []


def test_a_replaced_file_and_a_new_one_are_one_request(settings: Settings) -> None:
    drop(settings, "2026-11-02")
    before = look(None).cursor
    drop(settings, "2026-11-02", clicks=40)
    drop(settings, "2026-11-05")
    assert asked(look(before)) == [(["bronze", "silver"], "2026-11-02", "2026-11-05")]


def test_what_the_lake_has_is_not_asked_for_even_without_a_cursor(settings: Settings, lake: Lake) -> None:
    drop(settings, "2026-11-02")
    load(ADS, lake, settings)
    assert asked(look(None)) == [(["silver"], None, None)]  # loaded, and its run killed before silver


def test_nothing_is_due_once_refined_and_checked(settings: Settings, lake: Lake) -> None:
    from opetence_assets.lake.verdicts import CheckResult, record

    drop(settings, "2026-11-02")
    load(ADS, lake, settings)
    done = refine(ADS, lake, settings.scratch)
    record(lake, ADS.table("silver"), done.version, [CheckResult("schema", passed=True)])
    assert asked(look(None)) == []


def test_what_is_still_due_is_asked_for_when_the_platform_starts_again(settings: Settings) -> None:
    drop(settings, "2026-11-02")
    cursor = json.loads(look(None).cursor or "")
    cursor["states"]["partners/facebook_ads"][-1] += 1  # another process looked last
    assert len(asked(look(json.dumps(cursor)))) == 1


@dataclass(frozen=True)
class Watched:
    """A source that only counts how often it is looked at."""

    name: str
    looks: list[str]
    down: bool = False
    system: str = "watched"
    kind: str = "rest"
    since: None = None

    def fingerprint(self, dataset: Dataset, settings: Settings) -> str:
        self.looks.append(self.name)
        if self.down:
            raise DataError(dataset.name, found="nobody", allowed="an answer", next_command="wait")
        return "same"


def watched(name: str, looks: list[str], every: timedelta, *, down: bool = False) -> Dataset:
    feed = Watched(name, looks, down)
    return replace(ADS, feed=feed, freshness=Freshness(every=every))  # type: ignore[arg-type]


def test_a_source_that_is_down_keeps_no_other_waiting_and_none_is_asked_too_often() -> None:
    looks: list[str] = []
    hourly, daily = timedelta(hours=1), timedelta(days=1)
    tables = [
        watched("down", looks, hourly, down=True),
        watched("hourly", looks, hourly),
        watched("daily", looks, daily),
    ]
    sensor = sensors.changed_tables(tables)
    with dg.DagsterInstance.ephemeral() as instance:
        first = sensor(dg.build_sensor_context(instance), platform=Platform())
        kept = json.loads(first.cursor)
        kept["looked"] = {name: at - 60 for name, at in kept["looked"].items()}  # a minute later
        second = sensor(dg.build_sensor_context(instance, cursor=json.dumps(kept)), platform=Platform())

    assert looks == ["down", "hourly", "daily", "down", "hourly"]
    (request,) = first.run_requests
    assert {key.path[-1] for key in request.asset_selection} == {"hourly", "daily"}
    assert second.run_requests == []
