"""No schedule of commits, checks, builds, promotions and ways back brings a failing table to readers."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from opetence_assets.lake.candidates import Candidate, promote, put_candidate, waiting_candidate
from opetence_assets.lake.commits import commit
from opetence_assets.lake.places import Lake, place_at
from opetence_assets.lake.releases import (
    Gated,
    Release,
    ReleaseConflict,
    all_releases,
    current_release,
    is_held,
    publish,
    roll_back,
)
from opetence_assets.lake.verdicts import CheckResult, record
from opetence_assets_tests.lake.rows import KEY, appended, frame, schema_of

TABLES = ("silver/shop/orders", "silver/shop/items", "gold/revenue")
PASSED, FAILED = CheckResult("rules", True), CheckResult("rules", False, found="3 rows", allowed="none")
WARNED = CheckResult("filled", False, blocking=False)


def test_a_version_that_was_never_checked_or_failed_is_not_released(lake: Lake, tmp_path: Path) -> None:
    good = publish(lake, {KEY: appended(lake, tmp_path, frame(1))})
    bad = appended(lake, tmp_path, frame(2))
    record(lake, KEY, bad, [PASSED, FAILED])
    unchecked = commit(lake, KEY, schema=schema_of(frame()))

    with pytest.raises(Gated, match=f"{KEY} rules: 3 rows .*The last good release stays \\(1\\)"):
        publish(lake, {KEY: bad})
    with pytest.raises(Gated, match=f"version {unchecked} was never checked"):
        put_candidate(lake, {KEY: unchecked}, {}, base=1)
    assert current_release(lake) == good
    record(lake, KEY, bad, [PASSED, WARNED])
    assert publish(lake, {KEY: bad}).number == 2


def test_a_candidate_waits_until_it_is_promoted_or_overtaken(lake: Lake, tmp_path: Path) -> None:
    versions = [appended(lake, tmp_path, frame(one)) for one in range(3)]
    publish(lake, {KEY: versions[0]})
    first = put_candidate(lake, {KEY: versions[1]}, {"project": "p"}, base=1)
    second = put_candidate(lake, {KEY: versions[2]}, {}, base=1)
    assert waiting_candidate(lake) == second

    released = promote(lake, first)

    assert (released.number, released.versions, released.notes) == (2, first.versions, {"project": "p", "promoted": 1})
    assert waiting_candidate(lake) is None
    with pytest.raises(ReleaseConflict):
        promote(lake, second)


def test_after_going_back_what_is_built_waits(lake: Lake, tmp_path: Path) -> None:
    versions = [appended(lake, tmp_path, frame(one)) for one in range(2)]
    publish(lake, {KEY: versions[0]})
    publish(lake, {KEY: versions[1]})
    roll_back(lake, 1)
    assert is_held(current_release(lake))
    promote(lake, put_candidate(lake, {KEY: versions[1]}, {}, base=3))
    assert not is_held(current_release(lake))


class Gate(RuleBasedStateMachine):
    """The model: which version of which table has which newest verdict, and what every release was made of."""

    @initialize()
    def empty(self) -> None:
        self.folder = Path(mkdtemp(prefix="gate-"))
        self.lake = place_at(str(self.folder))
        self.verdicts: dict[tuple[str, int], bool | None] = {}
        self.newest: dict[str, int] = {}
        self.candidates: list[Candidate] = []
        self.releases: list[Release] = []

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(table=st.sampled_from(TABLES))
    def a_run_a_backfill_or_a_click_commits(self, table: str) -> None:
        self.newest[table] = commit(self.lake, table, schema=schema_of(frame()))
        self.verdicts[table, self.newest[table]] = None

    @rule(data=st.data(), passed=st.booleans())
    def a_check_judges_any_version_at_any_time(self, data: Any, passed: bool) -> None:
        if self.verdicts:
            chosen = data.draw(st.sampled_from(sorted(self.verdicts)))
            record(self.lake, *chosen, [PASSED if passed else FAILED, WARNED])
            self.verdicts[chosen] = passed

    @rule(data=st.data(), stale=st.booleans(), hold=st.booleans())
    def gold_is_published(self, data: Any, stale: bool, hold: bool) -> None:
        """Of the newest versions, or of those that a slow build was pinned to."""
        versions = {key: data.draw(st.integers(0, newest)) if stale else newest for key, newest in self.newest.items()}
        base = len(self.releases)
        allowed = all(self._may_be_read(key, version) for key, version in versions.items())
        try:
            made = (put_candidate if hold else publish)(self.lake, versions, {}, base=base)
        except Gated:
            assert not allowed
            return
        assert allowed
        self.candidates.append(made) if isinstance(made, Candidate) else self.releases.append(made)

    @rule(data=st.data())
    def somebody_promotes(self, data: Any) -> None:
        if self.candidates:
            chosen = data.draw(st.sampled_from(self.candidates))
            self._made(lambda: promote(self.lake, chosen), chosen.versions, current=chosen.base == len(self.releases))

    @rule(data=st.data())
    def somebody_goes_back(self, data: Any) -> None:
        if self.releases:
            chosen = data.draw(st.sampled_from(self.releases))
            self._made(lambda: roll_back(self.lake, chosen.number), chosen.versions, current=True)

    def _made(self, make: Any, versions: Any, *, current: bool) -> None:
        allowed = all(self._may_be_read(key, version) for key, version in versions.items())
        try:
            self.releases.append(make())
        except (Gated, ReleaseConflict):
            assert not (allowed and current)
            return
        assert allowed
        assert current

    def _may_be_read(self, key: str, version: int) -> bool:
        released = self.releases[-1].versions.get(key) == version if self.releases else False
        verdict = self.verdicts[key, version]
        return released if verdict is None else verdict

    @invariant()
    def readers_see_the_last_release_that_was_allowed(self) -> None:
        if hasattr(self, "lake"):
            assert all_releases(self.lake) == self.releases


Gate.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestGate = Gate.TestCase
