"""What the policy asks of the copies now, step by step, each with its reason: the one place that decides.

Pure: told what each copy holds and what time it is. The collector deletes what it says and nothing else deletes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from opetence_assets.backup.keeping import kept
from opetence_assets.backup.partitions import end_of, last_ended, start_of
from opetence_assets.backup.policy import Policy, ZoneRule


class Action(Enum):
    """What is to be done with a partition."""

    MAKE = "make"  # no copy has it: the first one is made from the zone itself
    COPY = "copy"
    KEEP = "keep"
    DELETE = "delete"


@dataclass(frozen=True)
class Held:
    """A partition as one copy has it.

    Attributes:
        made_at: when it came there; its lock starts then.
        verified: somebody read it there and found it as recorded.
        locked_until: until then it cannot be deleted; None where it is not locked.
        manifest: path of the newest revision that it has.
    """

    made_at: datetime
    verified: bool = False
    locked_until: datetime | None = None
    manifest: str = ""


Holdings = Mapping[str, Mapping[tuple[str, str], Held]]
"""Copy → (zone, partition) → what it has."""


@dataclass(frozen=True)
class Step:
    """One decision and why."""

    action: Action
    zone: str
    partition: str
    copy: str
    reason: str


def planned(policy: Policy, holdings: Holdings, now: datetime) -> list[Step]:
    """Every decision about every partition, zones in the policy's order, newest partition first."""
    return [step for zone in policy.zones.values() for step in _of_zone(policy, zone, holdings, now)]


def wanted(policy: Policy, zone: ZoneRule, partitions: set[str], now: datetime) -> dict[str, str]:
    """The partitions that the policy keeps of those that exist, each with its reasons; newest first.

    A partition of the future is none: it would push real ones out of ``last`` and ``daily``.
    """
    real = {partition for partition in partitions if start_of(partition) <= now}
    reasons = {partition: ", ".join(rules) for partition, rules in kept(zone.keep, real).items()}
    if zone.personal:
        newest = max(real, default="")  # stays though it is late: without it there would be none
        reasons = {p: why for p, why in reasons.items() if p == newest or end_of(zone.every, p) > now - policy.erasure}
    for partition in real:
        held = next((h for h in policy.holds if h.zone == zone.name and h.first <= partition <= h.last), None)
        if held:
            reasons[partition] = f"legal hold: {held.reason}"
    return dict(sorted(reasons.items(), reverse=True))


def _of_zone(policy: Policy, zone: ZoneRule, holdings: Holdings, now: datetime) -> Iterator[Step]:
    existing = {partition for held in holdings.values() for of, partition in held if of == zone.name}
    reasons = wanted(policy, zone, existing, now)
    due = last_ended(zone.every, now)
    if due not in existing:
        yield Step(Action.MAKE, zone.name, due, zone.copies[0], f"a backup every {zone.every}")
    for copy in policy.copies:
        have = {partition: held for (of, partition), held in holdings.get(copy, {}).items() if of == zone.name}
        if copy in zone.copies:
            missing = [partition for partition in reasons if partition not in have]
            yield from (Step(Action.COPY, zone.name, p, copy, reasons[p]) for p in missing)
        for partition in sorted(have, reverse=True):
            yield _kept_or_not(zone, copy, partition, have, reasons, now)


def _kept_or_not(
    zone: ZoneRule, copy: str, partition: str, have: Mapping[str, Held], reasons: Mapping[str, str], now: datetime
) -> Step:
    held = have[partition]
    until = held.locked_until
    if copy in zone.copies and partition in reasons:
        return Step(Action.KEEP, zone.name, partition, copy, reasons[partition])
    if until and until > now:
        return Step(Action.KEEP, zone.name, partition, copy, f"locked until {until:%Y-%m-%d %H:%M} UTC")
    if start_of(partition) > now:
        return Step(Action.KEEP, zone.name, partition, copy, "of the future: nobody can have made it; look into it")
    if copy in zone.copies and not any(other > partition and have[other].verified for other in have):
        return Step(Action.KEEP, zone.name, partition, copy, "no verified backup after it")
    why = "no rule keeps it" if copy in zone.copies else "not a copy of this zone"
    return Step(Action.DELETE, zone.name, partition, copy, why)
