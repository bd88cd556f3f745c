"""What lies in each copy, told a second time: followed event by event, sharing no code with the planner and the copies.

``model.is_wanted`` says of one partition whether the policy keeps it; the rest is written here once more: who takes
what, whose lock still runs, what may not go because nothing proven came after it, and when a person is asked first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime

from opetence_assets.backup.policy import Policy, ZoneRule
from opetence_assets_tests.backup.model import is_wanted

Of = tuple[str, str]
FEW = 8


@dataclass
class There:
    """A partition in one copy: when its newest revision came, which revisions it has, and which were read back."""

    at: datetime
    manifests: set[str] = field(default_factory=set[str])
    proven: set[str] = field(default_factory=set[str])


@dataclass
class Expected:
    """Every copy as it must be: name → zone and partition → what is there."""

    names: Collection[str]
    there: dict[str, dict[Of, There]] = field(init=False)

    def __post_init__(self) -> None:
        self.there = {name: {} for name in self.names}

    def made(self, of: Of, manifest: str, now: datetime) -> None:
        """The store has a (further) revision of a partition."""
        one = self.there["store"].setdefault(of, There(now))
        one.at = one.at if manifest in one.manifests else now
        one.manifests.add(manifest)

    def copied(self, policy: Policy, now: datetime, reached: Collection[str]) -> int:
        """Every copy that can be reached took what is wanted there, and all was read back; how many were taken."""
        taken, store = 0, self.there["store"]
        for zone in policy.zones.values():
            wanted = self._wanted(policy, zone, now, reached)
            for name in set(zone.copies) & set(reached):
                missing = ({(zone.name, partition) for partition in wanted} & store.keys()) - self.there[name].keys()
                self.there[name] |= {of: There(now) for of in missing}
                taken += len(missing)
        for name in reached:
            for of, one in self.there[name].items():
                if of in store and (newest := max(store[of].manifests)) not in one.proven:
                    one.at = one.at if newest in one.manifests else now
                    one.manifests.add(newest)
                    one.proven.add(newest)
        return taken

    def going(self, policy: Policy, now: datetime, reached: Collection[str]) -> set[tuple[str, Of]]:
        """What is to go from the copies that can be reached."""
        found: set[tuple[str, Of]] = set()
        for zone in policy.zones.values():
            wanted = self._wanted(policy, zone, now, reached)
            for name in reached:
                mine = {of: one for of, one in self.there[name].items() if of[0] == zone.name}
                proven = [of for of, one in mine.items() if max(one.manifests) in one.proven]
                last, locked = max(proven, default=("", "")), zone.locked.get(name)
                for of, one in mine.items():
                    is_locked = locked is not None and one.at + locked > now
                    if of[1] not in wanted and not is_locked and of < last:
                        found.add((name, of))
        return found

    def is_much(self, going: Set[tuple[str, Of]]) -> bool:
        """Whether so much of a zone would go at once that a person is asked."""
        numbers = Counter((name, zone) for name, (zone, _) in going)
        there = Counter((name, zone) for name, held in self.there.items() for zone, _ in held)
        return any(number > max(FEW, there[of] - number) for of, number in numbers.items())

    def _wanted(self, policy: Policy, zone: ZoneRule, now: datetime, reached: Collection[str]) -> set[str]:
        existing = {partition for name in reached for of, partition in self.there[name] if of == zone.name}
        starts = {datetime.fromisoformat(partition).replace(tzinfo=UTC): partition for partition in existing}
        made = set(starts)
        found = {partition for start, partition in starts.items() if is_wanted(policy, zone.name, start, made, now)}
        return found | {max(existing)} if zone.personal and existing else found
