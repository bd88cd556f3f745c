"""A policy that contradicts itself is refused, and says where."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opetence_assets.backup.keeping import duration
from opetence_assets.backup.policy import FILE, PolicyRefused, contradictions, policy_of, read_policy
from opetence_assets.dataset import Daily
from opetence_assets.datasets import all_datasets

Content = dict[str, Any]


def put(content: Content, path: str, value: object) -> None:
    *folders, name = path.split(".")
    for folder in folders:
        content = content[folder]
    content[name] = value


WRONG: dict[str, tuple[str, object, str]] = {
    "an archive of keys": ("zones.keys.keep", {"within": "7y"}, "keys holds personal data for longer than an erasure"),
    "production kept for years": (
        "zones.production.keep",
        {"within": "1y"},
        "production holds personal data",
    ),
    "kept by count": ("zones.keys.keep", {"within": "14d", "daily": 14}, "kept by count"),
    "keys locked": ("zones.keys.locked", {"offsite": "31d"}, "locked for longer than an erasure may take"),
    "a gap": ("zones.production.gap", {"at_most": "0h", "back": "6d"}, "leaves gaps longer than it promises"),
    "thinned out": ("zones.bronze.keep", {"weekly": 30}, "promises a backup of any moment for longer"),
    "locked for longer than kept": ("zones.gold.locked", {"offsite": "31d"}, "could not be deleted then"),
    "no lock there": ("zones.gold.locked", {"restic": "1d"}, "which has no lock"),
    "two copies": ("zones.gold.copies", ["store", "offsite"], "gold is in 2 copies"),
    "one site": ("copies.offsite.site", "home", ""),
    "one medium": ("zones.gold.copies", ["store", "store", "store"], "on 1 media"),
    "unknown copy": ("zones.gold.copies", ["store", "restic", "tape"], "unknown copies tape"),
    "unknown lock": ("copies.store.lock", "strong", "the lock 'strong'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_contradiction_is_named(case: str) -> None:
    content = tomllib.loads(FILE.read_text())
    path, value, message = WRONG[case]
    put(content, path, value)
    if case == "one site":
        put(content, "copies.restic.site", "home")
        message = "every copy at one site"
    found = list(contradictions(policy_of(content)))
    assert any(message in one for one in found), found


def test_a_hold_says_what_and_why() -> None:
    content = tomllib.loads(FILE.read_text())
    content["holds"] = [{"zone": "gold", "first": "2026-11-02", "last": "2026-11-01", "reason": "court"}]
    assert any("names no zone, no span or no reason" in one for one in contradictions(policy_of(content)))


def test_a_dataset_gets_what_it_asks_for_or_is_named() -> None:
    asking = replace(all_datasets()[0], backup=Daily(keep_days=31))
    with pytest.raises(PolicyRefused, match=f"{asking.name} asks for 31 days of backups, bronze is kept for less"):
        read_policy(datasets=[asking])


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ('"hour"', '"minute"'),
        ('"7d"', '"7 days"'),
        ("daily", "dayly"),
        ("erasure =", "erasing ="),
        ("[zones.gold]", "["),
    ],
)
def test_a_misspelt_policy_is_refused(written: str, instead: str, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(FILE.read_text().replace(written, instead))
    with pytest.raises(PolicyRefused, match=str(file)):
        read_policy(file)


def test_durations_are_restics() -> None:
    assert duration("1y6m").months == 6
    with pytest.raises(ValueError, match="allowed: years, months, days and hours"):
        duration("")
