"""How backups stand: for each partition its copies, media and sites, and whether any of it was ever restored."""

from __future__ import annotations

from collections.abc import Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from opetence_assets.backup.copies import Copy, Partition, out_of_reach
from opetence_assets.backup.partitions import last_ended
from opetence_assets.backup.planning import Held, wanted
from opetence_assets.backup.policy import COPIES, MEDIA, Policy
from opetence_assets.backup.proofs import RESTORED, proven
from opetence_assets.lake.places import Lake


@dataclass(frozen=True)
class Standing:
    """One partition that the policy wants.

    Attributes:
        copies: names of the copies that have it; ``verified`` of those where it was read back.
        restored: somebody restored it, from whichever copy.
        wrong: what the policy misses, in words; empty when all is well.
    """

    zone: str
    partition: str
    copies: tuple[str, ...]
    verified: tuple[str, ...]
    restored: bool
    wrong: tuple[str, ...]


def standings(policy: Policy, copies: Mapping[str, Copy], store: Lake, now: datetime) -> list[Standing]:
    """Every partition that the policy wants and the one that is due, newest first, zones in the policy's order."""
    holdings = _reached(copies)
    proofs = (path for name, copy in copies.items() for path in proven(store, name, copy.address, RESTORED))
    restored = {tuple(path.split("/")[1:3]) for path in proofs}
    found: list[Standing] = []
    for zone in policy.zones.values():
        existing = {partition for held in holdings.values() for of, partition in held if of == zone.name}
        if not existing:
            continue
        partitions = {last_ended(zone.every, now), *wanted(policy, zone, existing, now)}
        for partition in sorted(partitions, reverse=True):
            if partition < min(existing):
                continue  # before the first backup ever
            of = (zone.name, partition)
            have = tuple(name for name in zone.copies if of in holdings.get(name, {}))
            verified = tuple(name for name in have if holdings[name][of].verified)
            wrong = _wrong(policy, zone.copies, have, verified, copies.keys() - holdings.keys())
            found.append(Standing(*of, have, verified, of in restored, wrong))
    return found


def _reached(copies: Mapping[str, Copy]) -> dict[str, Mapping[Partition, Held]]:
    """What each copy has, less those out of reach: how the others stand must be told all the more."""
    found: dict[str, Mapping[Partition, Held]] = {}
    for name, copy in copies.items():
        with suppress(*out_of_reach()):
            found[name] = copy.holdings()
    return found


def _wrong(
    policy: Policy, asked: tuple[str, ...], have: tuple[str, ...], verified: tuple[str, ...], away: Set[str]
) -> tuple[str, ...]:
    rules = [policy.copies[name] for name in have]
    media, sites = {rule.medium for rule in rules}, {rule.site for rule in rules}
    wrong = [f"{name} is out of reach" if name in away else f"not in {name}" for name in asked if name not in have]
    wrong += [f"not read back in {name}" for name in have if name not in verified]
    if len(asked) < COPIES:  # a laptop's: the policy itself asks for no fewer
        return tuple(wrong)
    if len(have) < COPIES:
        wrong.append(f"{len(have)} of {COPIES} copies")
    if len(media) < MEDIA:
        wrong.append(f"{len(media)} of {MEDIA} media")
    if len(sites) < 2:
        wrong.append("none elsewhere")
    return tuple(wrong)


def asked_of(policy: Policy, copies: Mapping[str, Copy], environment: str) -> Policy:
    """What is asked here: on a laptop only the copies that it was told of, anywhere else all of the policy."""
    if environment != "local":
        return policy
    names = {name: tuple(copy for copy in rule.copies if copy in copies) for name, rule in policy.zones.items()}
    return replace(policy, zones={name: replace(policy.zones[name], copies=names[name]) for name in names})
