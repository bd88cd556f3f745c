"""The policy of backups, read from its file and refused where it contradicts itself.

It says for each zone how often, where and how long; a dataset's ``backup=`` says what it needs at least. Everything
else (assets, schedules, retention, locks, what ``backup status`` calls missing) follows from it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dateutil.relativedelta import relativedelta

from opetence_assets.backup.keeping import Keep, duration, keep_of
from opetence_assets.backup.partitions import LENGTH

if TYPE_CHECKING:
    from opetence_assets.dataset import Dataset

FILE = Path(__file__).with_name("policy.toml")
LOCKS = ("governance", "compliance")
READ_AT_ONCE = ("STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR")  # what takes hours is the third copy's
COPIES, MEDIA = 3, 2  # and one site that is not the first copy's
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)  # durations are compared from here: a month has no length of its own


class PolicyRefused(Exception):
    """The policy contradicts itself, or what a dataset asks for; names each contradiction."""


@dataclass(frozen=True)
class Gap:
    """A promise: of any moment in the time ``back`` there is a backup no more than ``at_most`` older."""

    at_most: relativedelta
    back: relativedelta


@dataclass(frozen=True)
class CopyRule:
    """One of the copies: what it is kept on, where that is, and the mode of its Object Lock, if it has one."""

    name: str
    medium: str
    site: str
    lock: str | None = None


@dataclass(frozen=True)
class ZoneRule:
    """What holds for one zone.

    Attributes:
        every: hour, day or week: the length of its partitions.
        personal: it holds personal data that no destroyed key makes unreadable.
        copies: names of the copies that each kept partition is in.
        locked: copy → how long nobody can delete it there.
    """

    name: str
    every: str
    keep: Keep
    gap: Gap
    copies: tuple[str, ...]
    personal: bool = False
    locked: Mapping[str, relativedelta] = field(default_factory=dict[str, relativedelta])


@dataclass(frozen=True)
class Hold:
    """A legal hold: these partitions of a zone (both ends included) are not deleted, whatever the rules say."""

    zone: str
    first: str
    last: str
    reason: str


@dataclass(frozen=True)
class Tier:
    """Objects of the store older than this many days are kept in a cheaper class of S3's."""

    name: str
    days: int
    storage_class: str


@dataclass(frozen=True)
class Policy:
    """All of it; ``erasure`` is how long personal data of an erased person may live on in backups."""

    erasure: relativedelta
    copies: Mapping[str, CopyRule]
    zones: Mapping[str, ZoneRule]
    holds: tuple[Hold, ...] = ()
    tiers: tuple[Tier, ...] = ()


def read_policy(file: Path = FILE, datasets: Sequence[Dataset] = ()) -> Policy:
    """The policy of a file, if nothing in it contradicts the rest or what the datasets need.

    Raises:
        PolicyRefused: names the file and every contradiction.
    """
    try:
        policy = policy_of(tomllib.loads(file.read_text()))
    except (ValueError, KeyError, TypeError) as error:
        raise PolicyRefused(f"{file}: {error}. Next: compare it with {FILE.name} of the package") from error
    found = [*contradictions(policy), *_demands(policy, datasets)]
    if found:
        raise PolicyRefused(f"{file}: found {len(found)} contradictions: {'; '.join(found)}. Next: change the policy")
    return policy


def policy_of(content: Mapping[str, Any]) -> Policy:
    """A policy as it is written.

    Raises:
        ValueError, KeyError, TypeError: a part is missing, unknown or misspelt.
    """
    copies = {name: CopyRule(name, **rule) for name, rule in content["copies"].items()}
    zones = {name: _zone(name, rule) for name, rule in content["zones"].items()}
    holds = tuple(Hold(**hold) for hold in content.get("holds", ()))
    tiers = tuple(
        Tier(name, (_after(duration(tier["after"])) - EPOCH).days, tier["class"])
        for name, tier in content.get("tiers", {}).items()
    )
    return Policy(duration(content["erasure"]), copies, zones, holds, tiers)


def _zone(name: str, rule: Mapping[str, Any]) -> ZoneRule:
    durations = {copy: duration(text) for copy, text in rule.get("locked", {}).items()}
    gap = Gap(duration(rule["gap"]["at_most"]), duration(rule["gap"]["back"]))
    plain: dict[str, Any] = {
        **rule,
        "copies": tuple(rule["copies"]),
        "keep": keep_of(rule["keep"]),
        "gap": gap,
        "locked": durations,
    }
    known = {"copies": tuple(rule["copies"]), "keep": keep_of(rule["keep"]), "gap": gap, "locked": durations}
    plain: dict[str, Any] = {**rule, **known}
    if rule["every"] not in LENGTH:
        raise ValueError(f"{name}: found every = {rule['every']!r}; allowed: {', '.join(LENGTH)}")
    return ZoneRule(name, **plain)


def contradictions(policy: Policy) -> Iterator[str]:
    """What cannot hold at once, each in one sentence."""
    for copy in policy.copies.values():
        if copy.lock is not None and copy.lock not in LOCKS:
            yield f"copy {copy.name} has the lock {copy.lock!r}; allowed: {', '.join(LOCKS)} or none"
    for tier in policy.tiers:
        if tier.storage_class not in READ_AT_ONCE:
            yield f"tier {tier.name} is {tier.storage_class}, but the store is read back; {', '.join(READ_AT_ONCE)} are"
    for hold in policy.holds:
        if hold.zone not in policy.zones or hold.first > hold.last or not hold.reason:
            yield f"the hold on {hold.zone} from {hold.first} to {hold.last} names no zone, no span or no reason"
    for zone in policy.zones.values():
        unknown = sorted({*zone.copies, *zone.locked} - set(policy.copies))
        if unknown:
            yield f"{zone.name} names the unknown copies {', '.join(unknown)}"
            continue
        yield from _too_few(policy, zone)
        yield from _gaps(zone)
        yield from _locks(policy, zone)
        if zone.personal:
            yield from _outlives_erasure(policy, zone)


def _too_few(policy: Policy, zone: ZoneRule) -> Iterator[str]:
    copies = [policy.copies[name] for name in zone.copies]
    if len({copy.name for copy in copies}) < COPIES or len({copy.medium for copy in copies}) < MEDIA:
        yield f"{zone.name} is in {len(copies)} copies on {len({c.medium for c in copies})} media; allowed: 3 on 2"
    if len({copy.site for copy in copies}) < 2:
        yield f"{zone.name} has every copy at one site; allowed: one of them elsewhere"


def _gaps(zone: ZoneRule) -> Iterator[str]:
    """What the promise needs: every partition for as long as it looks back."""
    at_most, back = _after(zone.gap.at_most), _after(zone.gap.back)
    if EPOCH + LENGTH[zone.every] > at_most:
        yield f"{zone.name} is backed up every {zone.every}, which leaves gaps longer than it promises"
    rules = [life for step, life in _lives(zone) if step <= at_most]
    if max(rules, default=EPOCH) < back:
        yield f"{zone.name} promises a backup of any moment for longer than it keeps all of them"


def _locks(policy: Policy, zone: ZoneRule) -> Iterator[str]:
    shortest = shortest_life(zone)
    for copy, locked in zone.locked.items():
        if policy.copies[copy].lock is None:
            yield f"{zone.name} is to be locked in {copy}, which has no lock"
        if copy not in zone.copies:
            yield f"{zone.name} is to be locked in {copy}, where it has no copy"
        if _after(locked) > shortest:
            yield f"{zone.name} is locked in {copy} for longer than the rules keep it: it could not be deleted then"


def _outlives_erasure(policy: Policy, zone: ZoneRule) -> Iterator[str]:
    deadline, keep = _after(policy.erasure), zone.keep
    if keep.within and _after(keep.within) > deadline:
        yield f"{zone.name} holds personal data for longer than an erasure may take"
    if (keep.last, keep.hourly, keep.daily, keep.weekly, keep.monthly, keep.yearly) != (0,) * 6:
        yield f"{zone.name} holds personal data and is kept by count, which after a pause is no date; allowed: within"
    if any(_after(locked) > deadline for locked in zone.locked.values()):
        yield f"{zone.name} holds personal data and is locked for longer than an erasure may take"


def _demands(policy: Policy, datasets: Sequence[Dataset]) -> Iterator[str]:
    for dataset in datasets:
        for name in ("bronze", "silver"):
            zone, wanted = policy.zones.get(name), relativedelta(days=dataset.backup.keep_days)
            if zone is None or _after(wanted) > shortest_life(zone):
                yield f"{dataset.name} asks for {dataset.backup.keep_days} days of backups, {name} is kept for less"


def shortest_life(zone: ZoneRule) -> datetime:
    """How long every partition is kept at least, as a moment after ``EPOCH``."""
    return max((life for step, life in _lives(zone) if step <= EPOCH + LENGTH[zone.every]), default=EPOCH)


def _lives(zone: ZoneRule) -> Iterator[tuple[datetime, datetime]]:
    """For each rule, how far apart the partitions are that it keeps and for how long, as moments after ``EPOCH``."""
    keep, length = zone.keep, LENGTH[zone.every]
    if keep.within:
        yield EPOCH + length, _after(keep.within)
    yield EPOCH + length, EPOCH + keep.last * length
    for count, bucket in ((keep.hourly, LENGTH["hour"]), (keep.daily, LENGTH["day"]), (keep.weekly, LENGTH["week"])):
        yield EPOCH + max(bucket, length), EPOCH + count * max(bucket, length)
    yield _after(relativedelta(months=1)), _after(relativedelta(months=keep.monthly))
    yield _after(relativedelta(years=1)), _after(relativedelta(years=keep.yearly))


def _after(delta: relativedelta) -> datetime:
    return EPOCH + delta
