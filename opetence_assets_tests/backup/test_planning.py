"""The planner does what the policy means: against a plain model, against restic, and where deleting would be wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from opetence_assets.backup.keeping import keep_of, kept
from opetence_assets.backup.planning import Action, Held, planned
from opetence_assets.backup.policy import Hold, Policy, policy_of, read_policy
from opetence_assets_tests.backup.light_restic import initialized
from opetence_assets_tests.backup.model import policies, years

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_planner_and_model_agree_on_random_policies() -> None:
    assert list(policies(60, seed=datetime.now(UTC).toordinal()))


def test_the_real_policy_is_kept_hour_by_hour() -> None:
    years(0, hours=60)


@pytest.mark.skipif(not shutil.which("restic"), reason="restic is not installed: apt-get install restic")
def test_the_rules_mean_what_they_mean_to_restic(tmp_path: Path) -> None:
    hours = [0, 3, 24, 72, 201, 209, 900]
    repository, file = str(tmp_path / "repository"), tmp_path / "file"
    file.write_text("x")

    def restic(*arguments: str) -> str:
        told = ["restic", "-q", "-r", repository, "--no-cache", *arguments]
        environment = {"RESTIC_PASSWORD": "test", "PATH": "/usr/bin:/bin", "TZ": "UTC"}
        return subprocess.run(told, check=True, capture_output=True, text=True, env=environment).stdout

    initialized(tmp_path / "repository", "test")
    moments = [datetime(2026, 8, 1, 7, tzinfo=UTC) + timedelta(hours=hour) for hour in hours]
    for moment in moments:
        restic("backup", str(file), "--time", f"{moment:%Y-%m-%d %H:%M:%S}")
    for rules in (
        {"daily": 3},
        {"hourly": 4, "weekly": 2},
        {"last": 2, "monthly": 2},
        {"within": "29d4h"},
        {"yearly": 1},
    ):
        asked = [part for rule, value in rules.items() for part in (f"--keep-{rule}", str(value))]
        (group,) = json.loads(restic("forget", "--dry-run", "--json", *asked))
        theirs = {snapshot["time"][:13] for snapshot in group["keep"]}
        assert set(kept(keep_of(rules), [f"{moment:%Y-%m-%dT%H}" for moment in moments])) == theirs, rules


def small(**rule: object) -> Policy:
    zone = {"every": "day", "keep": {"last": 1}, "gap": {"at_most": "1d", "back": "1d"}, "copies": ["a"], **rule}
    return policy_of({"erasure": "30d", "copies": {"a": {"medium": "m", "site": "s"}}, "zones": {"z": zone}})


def held(verified: tuple[str, ...], **locked: datetime) -> dict[str, dict[tuple[str, str], Held]]:
    days = ("2026-11-18", "2026-11-19", "2026-11-20")
    return {"a": {("z", day): Held(NOW, day in verified, locked.get(f"d{day[-2:]}")) for day in days}}


def deleted(holdings: dict[str, dict[tuple[str, str], Held]], policy: Policy | None = None) -> set[str]:
    return {step.partition for step in planned(policy or small(), holdings, NOW) if step.action is Action.DELETE}


def test_the_predecessor_of_an_unverified_backup_stays() -> None:
    assert deleted(held(())) == set()
    assert deleted(held(("2026-11-19",))) == {"2026-11-18"}
    assert deleted(held(("2026-11-20",))) == {"2026-11-18", "2026-11-19"}


def test_what_is_locked_or_on_hold_stays_and_says_why() -> None:
    everything = ("2026-11-18", "2026-11-19", "2026-11-20")
    assert deleted(held(everything, d18=NOW + timedelta(hours=1))) == {"2026-11-19"}
    assert deleted(held(everything, d18=NOW)) == {"2026-11-18", "2026-11-19"}
    on_hold = replace(small(), holds=(Hold("z", "2026-11-18", "2026-11-18", "court"),))
    steps = {step.partition: step for step in planned(on_hold, held(everything), NOW)}
    assert (steps["2026-11-18"].action, steps["2026-11-18"].reason) == (Action.KEEP, "legal hold: court")


def test_a_partition_of_the_future_pushes_nothing_out() -> None:
    holdings = held(("2026-11-20",))
    holdings["a"] |= {("z", f"2027-01-{day:02d}"): Held(NOW, verified=True) for day in range(1, 28)}
    assert "2026-11-20" not in deleted(holdings)


def test_the_policy_of_the_package_contradicts_nothing() -> None:
    from opetence_assets.datasets import all_datasets

    assert set(read_policy(datasets=all_datasets()).zones) == {
        *("production", "bronze", "silver", "gold", "keys", "archive")
    }
