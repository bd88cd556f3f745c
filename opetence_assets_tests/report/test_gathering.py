"""What the lake knows, gathered: from a shop whose story is known."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from opetence_assets.command.output import plain
from opetence_assets.dataset import Watch
from opetence_assets.lake.places import Lake
from opetence_assets.lake.releases import publish
from opetence_assets.lake.verdicts import CheckResult, record
from opetence_assets.quality.judging import day_results
from opetence_assets.quality.measuring import measure
from opetence_assets.report.facts import Light, Report
from opetence_assets.report.gathering import as_data, gather
from opetence_assets.report.page import page
from opetence_assets.settings import Settings
from opetence_assets_tests.quality.test_judging import at, sold
from opetence_assets_tests.shop import sales

watched = replace(sales, watch=Watch(figures=("amount",)))


def gathered(lake: Lake, settings: Settings, rows_a_day: list[int], *more: CheckResult, hours: int = 6) -> Report:
    """Of a shop with so many sales a day, some hours after the last of them ended."""
    now = at(len(rows_a_day), 0) + timedelta(hours=hours)
    silver = sold(lake, settings, rows_a_day)
    measure(watched, lake, silver, now=now)
    record(lake, silver.key, silver.version, [*day_results(watched, lake, silver, now=now), *more])
    if not [result for result in more if result.blocking]:
        publish(lake, {silver.key: silver.version})
    (settings.home / "local.env").write_text(f"OPETENCE_NOW={now.isoformat()}\n")
    return gather(lake, settings, [watched])


def test_a_good_day_is_said_to_be_one(lake: Lake, settings: Settings) -> None:
    # the newest sale is of noon: with 200 a day it may be 7.4 hours old
    found = gathered(lake, settings, [200] * 40, hours=-6)

    assert (found.light, found.release, found.failing) == (Light.GOOD, 1, ())
    assert found.datasets[0].kept.freshness == 1
    assert [trend.name for trend in found.datasets[0].trends] == ["rows", "sum(amount)", "mean(amount)"]
    assert all(trend.odd == () for trend in found.datasets[0].trends)


def test_an_odd_day_and_late_rows_are_told(lake: Lake, settings: Settings) -> None:
    found = gathered(lake, settings, [200] * 40 + [90])

    (told,) = found.datasets
    assert found.light is Light.LOOK
    assert "shop/sales has no new rows" in found.verdict
    assert {each.check for each in told.failing} == {"usual", "fresh"}
    assert told.trends[0].odd[0].value == 90
    assert (told.kept.freshness, told.kept.alarms) == (0, 1)
    assert "90 where" in page(found)


def test_a_blocking_check_is_named_with_what_to_do(lake: Lake, settings: Settings) -> None:
    lost = CheckResult("complete", False, found="3 missing, says jane@example.com", allowed="0")
    found = gathered(lake, settings, [200] * 30)
    assert found.release == 1
    found = gathered(lake, settings, [200] * 31, lost)

    assert found.light is Light.STOP
    assert found.verdict.startswith("Not today's: release 1")
    assert found.failing[0].next_command == "opetence run --select shop/sales --reload"
    assert "jane@" not in page(found)


def test_before_the_first_release_nothing_is_trusted_and_machines_read_the_same(lake: Lake, settings: Settings) -> None:
    found = gather(lake, settings, [watched])

    data = json.loads(json.dumps(as_data(found), default=plain))
    assert data["light"] == "stop"
    assert data["verdict"] == found.verdict == "No: nothing is released yet. Next: opetence run"
    assert data["datasets"] == []
    assert "Empty: no row was refused." in page(found)
    assert timedelta(hours=found.release_age_hours or 0) == timedelta(0)
