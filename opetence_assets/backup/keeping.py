"""Which partitions are kept: the rules of ``restic forget``, so that one grammar says it for every copy.

``daily = 30`` keeps the newest partition of each of the last 30 days *that have one*; ``within = "7d"`` all that are no
more than that older than the *newest*. After a pause nothing is lost therefore, but nothing is gone by a date either:
for personal data the policy adds the date (``Policy.erasure``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from dateutil.relativedelta import relativedelta

from opetence_assets.backup.partitions import start_of

DURATION = re.compile(r"(?:(?P<years>\d+)y)?(?:(?P<months>\d+)m)?(?:(?P<days>\d+)d)?(?:(?P<hours>\d+)h)?")
BUCKETS = {"hourly": "%Y%m%d%H", "daily": "%Y%m%d", "weekly": "%G%V", "monthly": "%Y%m", "yearly": "%Y"}


@dataclass(frozen=True)
class Keep:
    """Rules by count and by age; a partition that any of them keeps is kept."""

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within: relativedelta | None = None


def duration(text: str) -> relativedelta:
    """``7d``, ``1y6m``, ``36h``: years, months, days, hours, as restic writes them.

    Raises:
        ValueError: anything else.
    """
    match = DURATION.fullmatch(text)
    if not match or not text:
        raise ValueError(f"found the duration {text!r}; allowed: years, months, days and hours, like 1y6m or 36h")
    units: dict[str, Any] = {unit: int(number) for unit, number in match.groupdict().items() if number}
    return relativedelta(**units)


def keep_of(rules: Mapping[str, Any]) -> Keep:
    """The rules of a policy file.

    Raises:
        ValueError: an unknown rule, or none that keeps anything.
    """
    known = {field.name for field in fields(Keep)}
    if not rules or not set(rules) <= known:
        raise ValueError(f"found the rules {sorted(rules)}; allowed: at least one of {', '.join(sorted(known))}")
    plain: dict[str, Any] = {name: duration(rule) if name == "within" else int(rule) for name, rule in rules.items()}
    return Keep(**plain)


def kept(keep: Keep, partitions: Iterable[str]) -> dict[str, list[str]]:
    """The partitions that stay, newest first, each with the rules that keep it."""
    moments = {partition: start_of(partition) for partition in sorted(partitions, reverse=True)}
    found: dict[str, list[str]] = {}
    for partition, rule in (*_counted(keep, moments), *_within(keep, moments)):
        found.setdefault(partition, []).append(rule)
    return {partition: found[partition] for partition in moments if partition in found}


def _counted(keep: Keep, moments: Mapping[str, datetime]) -> Iterable[tuple[str, str]]:
    yield from ((partition, f"last {keep.last}") for partition in list(moments)[: keep.last])
    for name, bucket in BUCKETS.items():
        limit, seen = getattr(keep, name), set[str]()
        for partition, moment in moments.items() if limit else ():
            value = moment.strftime(bucket)
            if value not in seen and len(seen) < limit:
                seen.add(value)
                yield partition, f"{name} {limit}"


def _within(keep: Keep, moments: Mapping[str, datetime]) -> Iterable[tuple[str, str]]:
    if keep.within and moments:
        oldest = next(iter(moments.values())) - keep.within
        yield from ((partition, f"within {_text(keep.within)}") for partition, at in moments.items() if at > oldest)


def _text(delta: relativedelta) -> str:
    parts = ((delta.years, "y"), (delta.months, "m"), (delta.days, "d"), (delta.hours, "h"))
    return "".join(f"{number}{unit}" for number, unit in parts if number)
