"""What a policy means, told a second time: a plain model that shares no code with the planner.

The planner walks once over partitions and rules; the model asks of each partition alone whether some rule wants it.
``python -m opetence_assets_tests.backup.model 10000`` lives through that many random policies, with pauses, holds,
changed copies and copies that lag behind, and then through ten years of the real policy, hour by hour.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from opetence_assets.backup.planning import Action, Held, planned
from opetence_assets.backup.policy import Policy, policy_of, read_policy

HOURS = {"hour": 1, "day": 24, "week": 168}
START = datetime(2024, 2, 26, tzinfo=UTC)  # a Monday; a leap day is near
Holding = dict[str, dict[tuple[str, str], Held]]


@dataclass
class World:
    """Copies as they would be, one hour at a time."""

    policy: Policy
    held: Holding
    made: dict[str, set[datetime]] = field(default_factory=dict[str, set[datetime]])


def text(every: str, start: datetime) -> str:
    return start.strftime("%Y-%m-%dT%H" if every == "hour" else "%Y-%m-%d")


def bucket(rule: str, start: datetime) -> Any:
    year, week, _ = start.isocalendar()
    return {
        "hourly": (start.date(), start.hour),
        "daily": start.date(),
        "weekly": (year, week),
        "monthly": (start.year, start.month),
        "yearly": start.year,
    }[rule]


def is_wanted(policy: Policy, zone: str, start: datetime, made: set[datetime], now: datetime) -> bool:
    """Whether one partition is to be kept, asked of it alone."""
    rule = policy.zones[zone]
    if any(h.zone == zone and h.first <= text(rule.every, start) <= h.last for h in policy.holds):
        return True
    if rule.personal and start + timedelta(hours=HOURS[rule.every]) <= now - policy.erasure:
        return False
    newer = {other for other in made if other > start}
    if len(newer) < rule.keep.last or (rule.keep.within and max(made) - rule.keep.within < start):
        return True
    for name in ("hourly", "daily", "weekly", "monthly", "yearly"):
        if not getattr(rule.keep, name):
            continue
        mine, others = bucket(name, start), {bucket(name, other) for other in newer}
        if mine not in others and len(others) < getattr(rule.keep, name):
            return True
    return False


def random_policy(rng: random.Random) -> Policy:
    """Any policy that can be written down, also such as would be refused."""
    names = ["a", "b", "c", "d"][: rng.randint(1, 4)]
    zones: dict[str, Any] = {}
    for zone in ("one", "two")[: rng.randint(1, 2)]:
        keep: dict[str, Any] = {
            rule: rng.randint(1, 6) for rule in ("last", "hourly", "daily", "weekly", "monthly") if rng.random() < 0.4
        }
        if rng.random() < 0.5 or not keep:
            keep["within"] = f"{rng.randint(1, 12)}d{rng.randint(0, 23)}h"
        gap = {"at_most": "1d", "back": "1d"}
        copies = rng.sample(names, rng.randint(1, len(names)))
        every, personal = rng.choice(list(HOURS)), rng.random() < 0.3
        zones[zone] = {"every": every, "keep": keep, "gap": gap, "copies": copies, "personal": personal}
    content: dict[str, Any] = {"erasure": f"{rng.randint(3, 20)}d", "copies": {}, "zones": zones}
    content["copies"] = {name: {"medium": name, "site": name} for name in names}
    if rng.random() < 0.3:
        first = START + timedelta(days=rng.randint(0, 20))
        last = first + timedelta(days=rng.randint(0, 10))
        hold = {"first": f"{first:%Y-%m-%d}", "last": f"{last:%Y-%m-%d}T99", "reason": "court"}
        content["holds"] = [{"zone": next(iter(zones)), **hold}]
    return policy_of(content)


def ticked(world: World, now: datetime, *, paused: bool = False) -> int:
    """Does what the planner says at a moment; how many partitions were deleted."""
    deleted, busy = 0, True
    while busy:  # what was made is copied, and what has a copy after it is deleted
        busy = False
        for step in planned(world.policy, world.held, now):
            if step.action is Action.DELETE:
                del world.held[step.copy][step.zone, step.partition]
                deleted += 1
            elif step.action is Action.COPY or (step.action is Action.MAKE and not paused):
                world.held[step.copy][step.zone, step.partition] = Held(now, verified=True)
            else:
                continue
            busy = True
    return deleted


def compare(world: World, now: datetime) -> None:
    """Every copy holds exactly what the model wants, and of each zone never less than the newest there was."""
    for zone, rule in world.policy.zones.items():
        made = set(world.made.get(zone, ()))
        wanted = {text(rule.every, start) for start in made if is_wanted(world.policy, zone, start, made, now)}
        if made:
            wanted.add(text(rule.every, max(made)))  # never the last one
        world.made[zone] = {start for start in made if text(rule.every, start) in wanted}
        for copy in world.policy.copies:
            found = {partition for of, partition in world.held[copy] if of == zone}
            expected = wanted if copy in rule.copies else set[str]()
            assert found == expected, (zone, copy, now, sorted(found ^ expected))


def lived(policy: Policy, rng: random.Random, hours: int, every: int) -> None:
    """Lives with a policy, ``every`` so many hours a tick, with pauses; compares at every tick."""
    world = World(policy, {copy: {} for copy in policy.copies})
    pause = 0
    for hour in range(0, hours, every):
        now = START + timedelta(hours=hour, minutes=30)
        pause = max(0, pause - 1) or (rng.randint(2, 12) if rng.random() < 0.03 else 0)
        if not pause:
            for zone, rule in policy.zones.items():
                length = timedelta(hours=HOURS[rule.every])
                due = START - timedelta(weeks=1) + ((now - length - START + timedelta(weeks=1)) // length) * length
                world.made.setdefault(zone, set()).add(due)
        ticked(world, now, paused=bool(pause))
        compare(world, now)


def policies(number: int, seed: int = 0) -> Iterator[int]:
    """Lives through random policies; yields after each."""
    for one in range(number):
        rng = random.Random(seed * 1_000_003 + one)
        every = rng.choice((1, 6, 24, 60))
        lived(random_policy(rng), rng, every * rng.randint(10, 40), every)
        yield one


def years(number: int, hours: int = 720) -> None:
    """The real policy for so many years: day by day, and then so many hours hour by hour."""
    policy = read_policy()
    world = World(policy, {copy: {} for copy in policy.copies})
    end = number * 365 * 24
    days, month = range(0, end, 24), range(end, end + hours)
    for hour in (*days, *month):
        now = START + timedelta(hours=hour, minutes=30)
        for zone, rule in policy.zones.items():
            length = timedelta(hours=HOURS[rule.every])
            world.made.setdefault(zone, set()).add(START + ((now - length - START) // length) * length)
        ticked(world, now)
        compare(world, now)


if __name__ == "__main__":
    agreed = 0
    for agreed in policies(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000):
        sys.stdout.write(f"{agreed + 1:,} policies: the planner and the model agree\n" if agreed % 500 == 499 else "")
    years(10)
    sys.stdout.write("ten years, hour by hour: every partition in exactly the copies the policy asks for\n")
