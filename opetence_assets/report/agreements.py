"""How freshness and completeness were kept over the last weeks, told from what was measured and checked then."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from opetence_assets.lake.tables import Table, commits
from opetence_assets.lake.verdicts import verdict
from opetence_assets.report.facts import Kept

SPAN = timedelta(days=30)
AT_MOST = 100  # versions of a table asked for their verdict: on S3 each is two requests
COMPLETE = ("complete", "complete_by_day", "conserved", "filled")


def kept(silver: Table, ages: pl.DataFrame, limit: timedelta | None, now: datetime) -> Kept:
    """Of one dataset. ``ages``: ``measured_at`` and ``value`` (seconds) of each measurement of its age."""
    share, alarms, since = time_kept(ages, limit, now) if limit is not None else (None, 0, None)
    whole, checked = _versions(silver)
    return Kept(share, alarms, whole, checked, since)


def time_kept(ages: pl.DataFrame, limit: timedelta, now: datetime) -> tuple[float | None, int, datetime | None]:
    """Share of the time within ``limit``, how often it was passed, and since when anything is known.

    Between two measurements the newest row stays the one it was and grows older by the clock: when it passed the limit
    is exact, whenever somebody looked.
    """
    looked = [(at, at - timedelta(seconds=age)) for at, age in ages.sort("measured_at").iter_rows() if at <= now]
    if not looked:
        return None, 0, None
    start, late, alarms, was_late = max(now - SPAN, looked[0][0]), timedelta(), 0, False
    ends = [*(at for at, _ in looked[1:]), now]
    for (at, newest), end in zip(looked, ends, strict=True):
        begin, passed = max(at, start), newest + limit
        if end <= start:
            continue
        over = max(timedelta(), end - max(begin, passed))
        alarms += over > timedelta() and not (was_late and passed <= begin)
        was_late, late = passed < end, late + over
    if now <= start:
        is_young = now - looked[-1][1] <= limit
        return float(is_young), int(not is_young), start
    return 1 - late / (now - start), alarms, start


def _versions(silver: Table) -> tuple[int, int]:
    """Versions in which nothing was missing, and versions checked, over as long a time before the newest one."""
    made = commits(silver.lake, silver.key, max(-1, silver.version - AT_MOST))
    recent = [commit for commit in made if commit.at >= made[-1].at - SPAN]
    told = [verdict(silver.lake, silver.key, commit.version) for commit in recent]
    checked = [results for results in told if results]
    whole = [results for results in checked if all(r.passed for r in results if r.name in COMPLETE)]
    return len(whole), len(checked)
