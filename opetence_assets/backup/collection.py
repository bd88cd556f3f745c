"""The collector: brings every copy to what the policy asks. It alone deletes, and only what the planner says.

It refuses to delete much at once: an attacker who fills the store with new backups to push the good ones out of
retention, a wrong clock or a mistyped policy look the same, and a person looks at them first.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from opetence_assets.backup.copies import Copy, Partition, newest_paths, out_of_reach
from opetence_assets.backup.manifests import manifest_paths, manifests, read_manifest
from opetence_assets.backup.objects import BackupDamaged
from opetence_assets.backup.planning import Action, Held, Step, planned
from opetence_assets.backup.policy import Policy
from opetence_assets.backup.proofs import READ, Proof, last_proof, prove
from opetence_assets.backup.telling import Tell, quiet, told
from opetence_assets.backup.verify import Damage
from opetence_assets.lake.places import Lake

UNDER_WAY = timedelta(days=1)  # an object this young may belong to a backup whose manifest is still to come
FULL_AFTER = timedelta(days=7)  # bits rot where nobody looks: a week's partitions read all of it once
FEW = 8  # so many partitions of a zone may always go at once: a week's round that was missed


class TooMany(Exception):
    """More would be deleted at once than a day's round deletes; nothing was."""


class CopiesFailed(Exception):
    """Copies that could not be reached or are damaged, and how they said it; all was done in the others."""


@dataclass
class Collected:
    """What was done.

    Attributes:
        steps: the decisions that were carried out.
        copied_bytes, freed_bytes: by copy.
        damages: what was found when partitions were taken and read back, by copy.
        failed: the copies that could not be reached, and what they said.
    """

    steps: list[Step] = field(default_factory=list[Step])
    copied_bytes: Counter[str] = field(default_factory=Counter[str])
    freed_bytes: Counter[str] = field(default_factory=Counter[str])
    damages: dict[str, list[Damage]] = field(default_factory=lambda: defaultdict[str, list[Damage]](list))
    failed: dict[str, str] = field(default_factory=dict[str, str])

    @contextmanager
    def going_on(self, copy: str) -> Generator[None]:
        """Notes that a copy failed: the others are not to wait for it."""
        try:
            yield
        except out_of_reach() as error:
            self.failed.setdefault(copy, f"{type(error).__name__}: {error}")

    @contextmanager
    def noting(self, copy: str, of: Partition) -> Generator[None]:
        """Notes that a partition is damaged in the store or the copy: the next ones are not to wait for it."""
        try:
            yield
        except (BackupDamaged, FileNotFoundError) as error:
            self.damages[copy].append(Damage("/".join(of), of[0], "", str(error)))

    def finished(self) -> None:
        """Raises what was noted on the way.

        Raises:
            CopiesFailed: names each copy that failed.
        """
        if self.failed:
            told = "; ".join(f"{copy}: {said}" for copy, said in self.failed.items())
            raise CopiesFailed(f"{told}. All was done for the other copies. Next: the same again, it goes on there")


def decided(policy: Policy, copies: Mapping[str, Copy], now: datetime, done: Collected) -> list[Step]:
    """What is to be done in the copies that can be reached; nothing is changed."""
    return _decided(policy, _held(copies, done), now)


def _decided(policy: Policy, held: Mapping[str, Mapping[Partition, Held]], now: datetime) -> list[Step]:
    holdings = {name: _locked(policy, name, there) for name, there in held.items()}
    return [step for step in planned(policy, holdings, now) if step.copy in held]


def _held(copies: Mapping[str, Copy], done: Collected) -> dict[str, Mapping[Partition, Held]]:
    """What each copy has that can be reached."""
    found: dict[str, Mapping[Partition, Held]] = {}
    for name, copy in copies.items():
        with done.going_on(name):
            found[name] = copy.holdings()
    return found


def _locked(policy: Policy, copy: str, held: Mapping[Partition, Held]) -> dict[Partition, Held]:
    """With the end of each lock: a delete under S3's lock would only hide, and a folder has no lock but this."""
    return {
        of: replace(one, locked_until=one.locked_until or locked_until(policy, copy, of[0], one.made_at))
        for of, one in held.items()
    }


def copy_missing(
    policy: Policy,
    copies: Mapping[str, Copy],
    store: Lake,
    now: datetime,
    done: Collected,
    *,
    tell: Tell = quiet,
) -> None:
    """Has every copy take what the policy wants there, locked as it says, and reads back what nobody has read yet.

    Raises:
        CopiesFailed: a copy could not be reached; the others have taken all.
    """
    held = _held(copies, done)
    newest = newest_paths(manifest_paths(store))
    # What the store has let go and a hold wants again is where it is still: ``standings`` says where it is missing.
    wanted = [step for step in _decided(policy, held, now) if (step.zone, step.partition) in newest]
    for name in held:
        missing = [step for step in wanted if step.action is Action.COPY and step.copy == name]
        with done.going_on(name):
            for step in told(f"copied to {name}", missing, tell):
                of, until = (step.zone, step.partition), locked_until(policy, name, step.zone, now)
                with done.noting(name, of):
                    done.copied_bytes[name] += copies[name].take(of, until)
                    done.steps.append(step)
    taken = {(step.copy, step.zone, step.partition) for step in done.steps}
    for name in (name for name in held if name not in done.failed):
        with done.going_on(name):
            there = {of: one for of, one in copies[name].holdings().items() if of in newest}
            unread = sorted(of for of, one in there.items() if not one.verified or one.manifest != newest[of])
            # oldest first: what it has in common with the next is known then
            for of in told(f"read back in {name}", unread, tell):
                with done.noting(name, of):
                    if (name, *of) not in taken:  # made there, or killed before its lock, or superseded in the store
                        done.copied_bytes[name] += copies[name].take(of, locked_until(policy, name, of[0], now))
                    prove_read(copies[name], store, of, now, done)
    done.finished()


def prove_read(copy: Copy, store: Lake, of: Partition, now: datetime, done: Collected) -> None:
    """Reads a partition back from a copy and keeps the proof, or the damages.

    What the zone's last proven partition shares with it is read again only after ``FULL_AFTER``.
    """
    began = datetime.now(UTC)
    manifest = manifests(store, *of)[-1]
    known, full_at = _known(copy, store, of[0], now)
    damages = copy.check(of, known)
    done.damages[copy.rule.name] += damages
    if not damages:
        facts = {
            "seconds": (datetime.now(UTC) - began).total_seconds(),
            "bytes": sum(one.bytes for _, _, one in manifest.contents() if one.sha256 not in known),
            "full_at": (full_at or now).isoformat(),
        }
        prove(store, Proof(copy.rule.name, copy.address, manifest.path, manifest.sha256, READ, now, facts))


def _known(copy: Copy, store: Lake, zone: str, now: datetime) -> tuple[set[str], datetime | None]:
    """The objects that were read with the zone's last proof, and when all of them had been."""
    last = last_proof(store, copy.rule.name, copy.address, zone, READ)
    full_at = datetime.fromisoformat(last.facts["full_at"]) if last else None
    if last is None or full_at is None or now - full_at > FULL_AFTER:
        return set(), None
    try:
        return read_manifest(store, last.manifest).hashes, full_at
    except FileNotFoundError:  # it went with its partition
        return set(), None


def locked_until(policy: Policy, copy: str, zone: str, now: datetime) -> datetime | None:
    """Until when a partition of a zone that came into a copy now is locked there; None where it is not."""
    locked = policy.zones[zone].locked.get(copy) if zone in policy.zones else None
    return now + locked if locked else None


def collect(policy: Policy, copies: Mapping[str, Copy], now: datetime, done: Collected, *, many: bool = False) -> None:
    """Deletes what the policy keeps no longer, then frees what nothing needs.

    Raises:
        TooMany: more than a few, and more than half, of a zone's partitions in a copy would go, and ``many`` is not
            said.
        CopiesFailed: a copy could not be reached, or has a manifest that cannot be read, and no object was deleted in
            it; the others are done.
    """
    held = _held(copies, done)
    steps = _decided(policy, held, now)
    gone: dict[str, list[Step]] = defaultdict(list)
    for step in steps:
        if step.action is Action.DELETE:
            gone[step.copy].append(step)
    if not many:
        _refuse_many(steps)
    for name in held:
        with done.going_on(name):
            if gone[name]:
                copies[name].drop([(step.zone, step.partition) for step in gone[name]])
                done.steps += gone[name]
            done.freed_bytes[name] += copies[name].sweep(now - UNDER_WAY)
    done.finished()


def _refuse_many(steps: list[Step]) -> None:
    deleted = Counter((step.copy, step.zone) for step in steps if step.action is Action.DELETE)
    stay = Counter((step.copy, step.zone) for step in steps if step.action is Action.KEEP)
    for (copy, zone), number in deleted.items():
        if number > max(FEW, stay[copy, zone]):
            raise TooMany(
                f"{copy}: found {number} partitions of {zone} to delete and {stay[copy, zone]} to keep; allowed: up to"
                f" {max(FEW, stay[copy, zone])} at once. Next: opetence backup plan, then collect --many"
            )
