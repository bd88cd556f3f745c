"""What a drill restores: drawn by lot from what a copy has, or everything; first what an archive was asked for."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from opetence_assets.backup.choosing import RestoreRefused, newest_whole
from opetence_assets.backup.copies import Copy, Partition
from opetence_assets.backup.drills import Drilled, drills
from opetence_assets.backup.manifests import Manifest, manifest_paths, read_manifest
from opetence_assets.backup.snapshot import ARCHIVE, ZONES
from opetence_assets.lake.places import Lake

Drawn = tuple[list[Manifest], Callable[[str], bool]]
"""The manifests to restore, and which of their tables."""


def drawn(name: str, store: Lake, copy: Copy, rng: random.Random) -> Drawn:
    """A random table of a random ``partition``, the newest partition of a random ``zone``, or the whole ``company``.

    Raises:
        RestoreRefused: the copy has nothing of the kind.
        KeyError: another name.
    """
    asked = asked_for(store, name)
    if (
        asked
        and asked.copy == copy.rule.name
        and (held := set(copy.holdings()) & {(z, p) for z, p in asked.partitions})
    ):
        return [_newest(store, of) for of in sorted(held)], _everything
    draw: dict[str, Callable[[Lake, Copy, random.Random], Drawn]] = {
        "partition": _table,
        "zone": _zone,
        "company": _company,
    }
    return draw[name](store, copy, rng)


def asked_for(store: Lake, name: str) -> Drilled | None:
    """The last drill of this name, if an archive was asked for what it needs; None if it was done."""
    done = drills(store, name)
    return done[-1] if done and done[-1].asked_until else None


def _table(store: Lake, copy: Copy, rng: random.Random) -> Drawn:
    manifest = _newest(store, rng.choice(_held(copy, (*ZONES, ARCHIVE))))
    table = rng.choice(sorted(manifest.tables))

    def only(key: str) -> bool:
        return key == table

    return [manifest], only


def _zone(store: Lake, copy: Copy, rng: random.Random) -> Drawn:
    held = _held(copy, tuple(ZONES))
    zone = rng.choice(sorted({zone for zone, _ in held}))
    return [_newest(store, max(of for of in held if of[0] == zone))], _everything


def _company(store: Lake, copy: Copy, rng: random.Random) -> Drawn:
    del rng
    chosen, held = newest_whole(store), copy.holdings()
    missing = [f"{one.zone} {one.partition}" for one in chosen if (one.zone, one.partition) not in held]
    if missing:
        raise RestoreRefused(
            f"drill: found no {', '.join(missing)} in the copy {copy.rule.name}. Next: opetence backup copy"
        )
    return chosen, _everything


def _held(copy: Copy, zones: Sequence[str]) -> list[Partition]:
    held = sorted(of for of in copy.holdings() if of[0] in zones)
    if not held:
        raise RestoreRefused(f"drill: found nothing in the copy {copy.rule.name} to restore. Next: opetence run")
    return held


def _newest(store: Lake, of: Partition) -> Manifest:
    return read_manifest(store, manifest_paths(store, *of)[-1])


def _everything(_: str) -> bool:
    return True
